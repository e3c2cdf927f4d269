package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
)

// object keeps the order of its fields, as CloudBeaver's answers do: that of the query.
type object []field

type field struct {
	name  string
	value any
}

// gson writes a value as CloudBeaver does (GraphQLEndpoint: a GsonBuilder with serializeNulls and setPrettyPrinting):
// indented by two spaces, null fields kept, and the characters that mean something in HTML escaped. A client that
// looks for `"name":"a"` or for an apostrophe in the raw text finds nothing.
func gson(value any) string {
	var out bytes.Buffer
	writeGson(&out, value, "")
	return out.String()
}

func writeGson(out *bytes.Buffer, value any, indent string) {
	switch typed := value.(type) {
	case nil:
		out.WriteString("null")
	case string:
		writeGsonString(out, typed)
	case bool:
		out.WriteString(strconv.FormatBool(typed))
	case int:
		out.WriteString(strconv.Itoa(typed))
	case int64:
		out.WriteString(strconv.FormatInt(typed, 10))
	case float64:
		out.WriteString(javaDouble(typed))
	case json.Number:
		out.WriteString(typed.String())
	case object:
		writeGsonBlock(out, '{', '}', indent, len(typed), func(i int, inner string) {
			writeGsonString(out, typed[i].name)
			out.WriteString(": ")
			writeGson(out, typed[i].value, inner)
		})
	case map[string]any:
		sorted := make(object, 0, len(typed))
		for name, inner := range typed {
			sorted = append(sorted, field{name, inner})
		}
		sort.Slice(sorted, func(i, j int) bool { return sorted[i].name < sorted[j].name })
		writeGson(out, sorted, indent)
	case []any:
		writeGsonBlock(out, '[', ']', indent, len(typed), func(i int, inner string) { writeGson(out, typed[i], inner) })
	default:
		// What the database driver gave: by way of JSON, which knows its type.
		text, err := json.Marshal(value)
		if err != nil {
			panic(fmt.Sprintf("no JSON for %T: %v", value, err))
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		var plain any
		if err := decoder.Decode(&plain); err != nil {
			panic(err)
		}
		writeGson(out, plain, indent)
	}
}

func writeGsonBlock(out *bytes.Buffer, first, last byte, indent string, length int, item func(i int, inner string)) {
	out.WriteByte(first)
	inner := indent + "  "
	for i := range length {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n" + inner)
		item(i, inner)
	}
	if length > 0 {
		out.WriteString("\n" + indent)
	}
	out.WriteByte(last)
}

var gsonEscapes = strings.NewReplacer(gsonReplacements()...)

func gsonReplacements() []string {
	pairs := []string{
		`"`, `\"`, `\`, `\\`, "\t", `\t`, "\b", `\b`, "\n", `\n`, "\r", `\r`, "\f", `\f`,
		"<", `\u003c`, ">", `\u003e`, "&", `\u0026`, "=", `\u003d`, "'", `\u0027`,
		"\u2028", `\u2028`, "\u2029", `\u2029`,
	}
	for c := range 0x20 {
		if !strings.ContainsRune("\t\b\n\r\f", rune(c)) {
			pairs = append(pairs, string(rune(c)), fmt.Sprintf(`\u%04x`, c))
		}
	}
	return pairs
}

func writeGsonString(out *bytes.Buffer, text string) {
	out.WriteByte('"')
	_, _ = gsonEscapes.WriteString(out, text)
	out.WriteByte('"')
}

// javaDouble has a decimal point always, as Java's Double.toString: 3 is 3.0. Below 0.001 and from 10 million on it
// has an exponent there.
func javaDouble(value float64) string {
	if size := math.Abs(value); size != 0 && (size < 1e-3 || size >= 1e7) {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(value, 'E', -1, 64), "E")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		power, _ := strconv.Atoi(exponent)
		return mantissa + "E" + strconv.Itoa(power)
	}
	text := strconv.FormatFloat(value, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}
