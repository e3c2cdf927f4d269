package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator"
)

//go:embed schema.graphqls
var schemaText string

var schema = gqlparser.MustLoadSchema(&ast.Source{Name: "schema.graphqls", Input: schemaText})

// webError is an error with the code that CloudBeaver gives in `extensions.webErrorCode`.
type webError struct{ message, code string }

func (e webError) Error() string { return e.message }

var (
	errAnonymous = webError{"Anonymous access restricted", "accessDenied"}
	errDenied    = webError{"Access denied", "accessDenied"}
)

// because words a failure as the real one does: its own sentence, then the cause.
func because(message string, cause error) error {
	return webError{message: message + ":\n" + cause.Error()}
}

type request struct {
	Query         string         `json:"query"`
	OperationName string         `json:"operationName"`
	Variables     map[string]any `json:"variables"`
}

type answer struct {
	Errors []answerError  `json:"errors,omitempty"`
	Data   map[string]any `json:"data"`
}

type answerError struct {
	Message    string         `json:"message"`
	Locations  []location     `json:"locations,omitempty"`
	Path       []any          `json:"path,omitempty"`
	Extensions map[string]any `json:"extensions,omitempty"`
}

type location struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

func (s *server) serveGraphQL(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "the stand-in of CloudBeaver takes GraphQL by POST only", http.StatusMethodNotAllowed)
		return
	}
	if kind := r.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		http.Error(w, "Bad request, incorrect content type:"+kind, http.StatusBadRequest)
		return
	}
	var asked request
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&asked); err != nil {
		http.Error(w, "Bad JSON request", http.StatusBadRequest)
		return
	}
	call := &call{server: s, session: s.session(w, r), ctx: r.Context()}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_, _ = w.Write(gson(s.answer(call, asked)))
}

// gson writes JSON as the real one's GraphQLEndpoint does: Gson, pretty-printed, with < > & = ' escaped.
func gson(value any) []byte {
	text, _ := json.MarshalIndent(value, "", "  ")
	// Both stand in strings only; encoding/json escapes < > & by itself.
	return bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("'"), []byte(`\u0027`)), []byte("="), []byte(`\u003d`))
}

func (s *server) answer(c *call, asked request) answer {
	document, errs := gqlparser.LoadQuery(schema, asked.Query)
	if errs != nil {
		return refused(errs)
	}
	operation := document.Operations.ForName(asked.OperationName)
	if operation == nil {
		return refused(gqlerror.List{gqlerror.Errorf("Unknown operation named '%s'.", asked.OperationName)})
	}
	variables, err := validator.VariableValues(schema, operation, asked.Variables)
	if err != nil {
		var one *gqlerror.Error
		if !errors.As(err, &one) {
			one = gqlerror.Errorf("%s", err.Error())
		}
		return refused(gqlerror.List{one})
	}
	out := answer{Data: map[string]any{}}
	for _, field := range fieldsOf(operation.SelectionSet) {
		if field.Name == "__typename" {
			out.Data[field.Alias] = field.ObjectDefinition.Name
			continue
		}
		run, known := operations[field.Name]
		if !known {
			return refused(gqlerror.List{gqlerror.Errorf("%s cannot be asked", field.Name)})
		}
		value, err := run(c, field.ArgumentMap(variables))
		if err == nil {
			out.Data[field.Alias] = project(value, field.SelectionSet)
			continue
		}
		out.Errors = append(out.Errors, failure(field, err))
		if field.Definition.Type.NonNull {
			out.Data = nil
			return out
		}
		out.Data[field.Alias] = nil
	}
	return out
}

// refused is the answer to what the schema does not have, whose message says that this is no CloudBeaver.
func refused(errs gqlerror.List) answer {
	out := answer{}
	for _, err := range errs {
		one := answerError{
			Message:    err.Message + " (This is Taffrail's stand-in for CloudBeaver: it knows its schema.graphqls only.)",
			Extensions: map[string]any{"classification": "ValidationError"},
		}
		for _, at := range err.Locations {
			one.Locations = append(one.Locations, location{at.Line, at.Column})
		}
		out.Errors = append(out.Errors, one)
	}
	return out
}

func failure(field *ast.Field, err error) answerError {
	out := answerError{
		Message: err.Error(), Path: []any{field.Alias},
		Locations: []location{{field.Position.Line, field.Position.Column}},
		// No stack trace: the real one gives its own.
		Extensions: map[string]any{"exceptionClass": "io.cloudbeaver.DBWebException", "classification": "DataFetchingException"},
	}
	var web webError
	if errors.As(err, &web) && web.code != "" {
		out.Extensions["webErrorCode"] = web.code
	}
	return out
}

// fieldsOf flattens fragments; no type here is abstract, so each of them applies.
func fieldsOf(set ast.SelectionSet) []*ast.Field {
	var out []*ast.Field
	for _, selection := range set {
		switch selected := selection.(type) {
		case *ast.Field:
			out = append(out, selected)
		case *ast.FragmentSpread:
			out = append(out, fieldsOf(selected.Definition.SelectionSet)...)
		case *ast.InlineFragment:
			out = append(out, fieldsOf(selected.SelectionSet)...)
		}
	}
	return out
}

// project keeps of a value what was asked for.
func project(value any, set ast.SelectionSet) any {
	if len(set) == 0 || value == nil {
		return value
	}
	switch typed := value.(type) {
	case []any:
		out := make([]any, len(typed))
		for i, item := range typed {
			out[i] = project(item, set)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for _, field := range fieldsOf(set) {
			if field.Name == "__typename" {
				out[field.Alias] = field.ObjectDefinition.Name
				continue
			}
			out[field.Alias] = project(typed[field.Name], field.SelectionSet)
		}
		return out
	}
	return value
}
