package main

import (
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
	errors []any
	data   any
}

// object orders it as graphql-java does.
func (a answer) object() object {
	out := object{}
	if len(a.errors) > 0 {
		out = append(out, field{"errors", a.errors})
	}
	return append(out, field{"data", a.data})
}

func errorObject(message string, at []any, path []any, extensions object) object {
	out := object{{"message", message}}
	if len(at) > 0 {
		out = append(out, field{"locations", at})
	}
	if len(path) > 0 {
		out = append(out, field{"path", path})
	}
	return append(out, field{"extensions", extensions})
}

func location(line, column int) object { return object{{"line", line}, {"column", column}} }

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
	_, _ = w.Write([]byte(gson(s.answer(call, asked).object())))
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
	out := answer{}
	data := object{}
	for _, asked := range fieldsOf(operation.SelectionSet) {
		if asked.Name == "__typename" {
			data = append(data, field{asked.Alias, asked.ObjectDefinition.Name})
			continue
		}
		run, known := operations[asked.Name]
		if !known {
			return refused(gqlerror.List{gqlerror.Errorf("%s cannot be asked", asked.Name)})
		}
		value, err := run(c, asked.ArgumentMap(variables))
		if err == nil {
			data = append(data, field{asked.Alias, project(value, asked)})
			continue
		}
		out.errors = append(out.errors, failure(asked, err))
		if asked.Definition.Type.NonNull {
			out.data = nil
			return out
		}
		data = append(data, field{asked.Alias, nil})
	}
	out.data = data
	return out
}

// refused is the answer to what the schema does not have, whose message says that this is no CloudBeaver.
func refused(errs gqlerror.List) answer {
	out := answer{}
	for _, err := range errs {
		at := []any{}
		for _, one := range err.Locations {
			at = append(at, location(one.Line, one.Column))
		}
		message := err.Message + " (This is Taffrail's stand-in for CloudBeaver: it knows its schema.graphqls only.)"
		out.errors = append(out.errors, errorObject(message, at, nil, object{{"classification", "ValidationError"}}))
	}
	return out
}

func failure(asked *ast.Field, err error) object {
	// No stack trace: the real one gives its own.
	extensions := object{}
	var web webError
	if errors.As(err, &web) && web.code != "" {
		extensions = append(extensions, field{"webErrorCode", web.code})
	}
	extensions = append(extensions, field{"exceptionClass", "io.cloudbeaver.DBWebException"},
		field{"classification", "DataFetchingException"})
	at := []any{location(asked.Position.Line, asked.Position.Column)}
	return errorObject(err.Error(), at, []any{asked.Alias}, extensions)
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

// project keeps of a value what was asked for, in the order in which it was asked.
func project(value any, asked *ast.Field) any {
	if value == nil {
		return nil
	}
	set := asked.SelectionSet
	if len(set) == 0 {
		return scalar(value, asked.Definition.Type)
	}
	switch typed := value.(type) {
	case []any:
		out := make([]any, len(typed))
		for i, item := range typed {
			out[i] = project(item, asked)
		}
		return out
	case map[string]any:
		out := object{}
		for _, inner := range fieldsOf(set) {
			if inner.Name == "__typename" {
				out = append(out, field{inner.Alias, inner.ObjectDefinition.Name})
				continue
			}
			out = append(out, field{inner.Alias, project(typed[inner.Name], inner)})
		}
		return out
	}
	return value
}

// scalar makes a Double of what the schema calls a Float, whatever Go has it in.
func scalar(value any, kind *ast.Type) any {
	if kind.Name() != "Float" {
		return value
	}
	switch n := value.(type) {
	case int:
		return float64(n)
	case int64:
		return float64(n)
	}
	return value
}
