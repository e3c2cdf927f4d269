package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// parseLenient reads the JSON with comments and without quotes that CloudBeaver's files are written in: `#`, `//`
// and `/* */` comments, names and words without quotes, single quotes, a comma too many at the end.
// Objects become map[string]any, whole numbers int64, other numbers float64. Errors name file and line.
func parseLenient(file, text string) (object map[string]any, err error) {
	r := &reader{file: file, text: []rune(text), line: 1}
	defer func() {
		if p, ok := recover().(syntaxError); ok {
			err = p
		}
	}()
	object, ok := r.value().(map[string]any)
	if !ok {
		r.fail("an object in { } is expected")
	}
	if r.skip(); r.at < len(r.text) {
		r.fail("%q after the end of the object", r.text[r.at])
	}
	return object, nil
}

type syntaxError string

func (e syntaxError) Error() string { return string(e) }

type reader struct {
	file string
	text []rune
	at   int
	line int
}

func (r *reader) fail(format string, args ...any) {
	panic(syntaxError(fmt.Sprintf("%s:%d: %s", r.file, r.line, fmt.Sprintf(format, args...))))
}

func (r *reader) peek() rune {
	if r.at >= len(r.text) {
		return 0
	}
	return r.text[r.at]
}

func (r *reader) next() rune {
	c := r.peek()
	if c == '\n' {
		r.line++
	}
	r.at++
	return c
}

func (r *reader) starts(s string) bool {
	return strings.HasPrefix(string(r.text[r.at:min(len(r.text), r.at+len(s))]), s)
}

// skip passes blanks and comments.
func (r *reader) skip() {
	for r.at < len(r.text) {
		switch {
		case unicode.IsSpace(r.peek()):
			r.next()
		case r.peek() == '#' || r.starts("//"):
			for r.at < len(r.text) && r.peek() != '\n' {
				r.next()
			}
		case r.starts("/*"):
			for !r.starts("*/") {
				if r.at >= len(r.text) {
					r.fail("a comment is not closed")
				}
				r.next()
			}
			r.at += 2
		default:
			return
		}
	}
}

func (r *reader) value() any {
	r.skip()
	switch c := r.peek(); c {
	case '{':
		return r.object()
	case '[':
		return r.array()
	case '"', '\'':
		return r.quoted()
	case 0:
		r.fail("the file ends where a value is expected")
	}
	switch word := r.word(); word {
	case "true", "false":
		return word == "true"
	case "null":
		return nil
	default:
		if n, err := strconv.ParseInt(word, 10, 64); err == nil {
			return n
		}
		if f, err := strconv.ParseFloat(word, 64); err == nil {
			return f
		}
		return word
	}
}

func (r *reader) object() any {
	r.next()
	object := map[string]any{}
	for {
		if r.skip(); r.peek() == '}' {
			r.next()
			return object
		}
		var name string
		if c := r.peek(); c == '"' || c == '\'' {
			name = r.quoted()
		} else {
			name = r.word()
		}
		if r.skip(); r.peek() != ':' {
			r.fail("a colon is expected after %q", name)
		}
		r.next()
		if _, twice := object[name]; twice {
			r.fail("%q is there twice", name)
		}
		object[name] = r.value()
		r.separator('}')
	}
}

func (r *reader) array() any {
	r.next()
	array := []any{}
	for {
		if r.skip(); r.peek() == ']' {
			r.next()
			return array
		}
		array = append(array, r.value())
		r.separator(']')
	}
}

func (r *reader) separator(end rune) {
	switch r.skip(); r.peek() {
	case ',':
		r.next()
	case end:
	case 0:
		r.fail("the file ends before %q", end)
	default:
		r.fail("a comma or %q is expected, not %q", end, r.peek())
	}
}

func (r *reader) word() string {
	start := r.at
	for c := r.peek(); c != 0 && !unicode.IsSpace(c) && !strings.ContainsRune("{}[],:\"'#", c); c = r.peek() {
		r.next()
	}
	if start == r.at {
		r.fail("a name or a value is expected, not %q", r.peek())
	}
	return string(r.text[start:r.at])
}

func (r *reader) quoted() string {
	quote := r.next()
	var out strings.Builder
	for {
		switch c := r.next(); c {
		case quote:
			return out.String()
		case 0, '\n':
			r.fail("a text in %c is not closed", quote)
		case '\\':
			out.WriteString(r.escape())
		default:
			out.WriteRune(c)
		}
	}
}

func (r *reader) escape() string {
	switch c := r.next(); c {
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case 'r':
		return "\r"
	case 'b':
		return "\b"
	case 'f':
		return "\f"
	case '"', '\'', '\\', '/':
		return string(c)
	case 'u':
		if r.at+4 > len(r.text) {
			r.fail("\\u needs four digits")
		}
		code, err := strconv.ParseUint(string(r.text[r.at:r.at+4]), 16, 16)
		if err != nil {
			r.fail("\\u needs four hexadecimal digits")
		}
		r.at += 4
		return string(rune(code))
	default:
		r.fail("\\%c is no escape", c)
		return ""
	}
}
