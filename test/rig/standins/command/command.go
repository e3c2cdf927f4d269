package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

const token = "command:local:Command"

// Logging says which of a command's streams go to the engine's log.
type Logging string

const (
	logNothing Logging = "none"
	logStdout  Logging = "stdout"
	logStderr  Logging = "stderr"
	logBoth    Logging = "stdoutAndStderr"
)

// Annotate names the type as the official schema does.
func (l *Logging) Annotate(a infer.Annotator) { a.SetToken("local", "Logging") }

// Values lists what `logging` takes.
func (Logging) Values() []infer.EnumValue[Logging] {
	return []infer.EnumValue[Logging]{
		{Value: logStdout, Description: "Only standard output goes to the log"},
		{Value: logStderr, Description: "Only standard error goes to the log"},
		{Value: logBoth, Description: "Standard output and standard error go to the log"},
		{Value: logNothing, Description: "Nothing goes to the log"},
	}
}

// Args are the inputs of a command.
type Args struct {
	Create                 *string            `pulumi:"create,optional"`
	Update                 *string            `pulumi:"update,optional"`
	Delete                 *string            `pulumi:"delete,optional"`
	Triggers               *[]any             `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Stdin                  *string            `pulumi:"stdin,optional"`
	Dir                    *string            `pulumi:"dir,optional"`
	Environment            *map[string]string `pulumi:"environment,optional"`
	Interpreter            *[]string          `pulumi:"interpreter,optional"`
	Logging                *Logging           `pulumi:"logging,optional"`
	AddPreviousOutputInEnv *bool              `pulumi:"addPreviousOutputInEnv,optional"`
}

// Annotate describes the inputs in the schema.
func (a *Args) Annotate(an infer.Annotator) {
	an.Describe(&a.Create, "The command to run on creation, and on an update if `update` is not set.")
	an.Describe(&a.Update, "The command to run on an update. Defaults to `create`.")
	an.Describe(&a.Delete, "The command to run on deletion. Nothing runs by default.")
	an.Describe(&a.Triggers, "Any values; a change of one of them replaces the resource.")
	an.Describe(&a.Stdin, "What the command reads from its standard input.")
	an.Describe(&a.Dir, "The working directory. Defaults to the plugin's.")
	an.Describe(&a.Environment, "Variables to add to the plugin's environment.")
	an.Describe(&a.Interpreter, "Program and arguments that get the command as their last argument. "+
		"Defaults to `/bin/sh -c`.")
	an.Describe(&a.Logging, "Which of the command's streams go to the log. Defaults to `stdoutAndStderr`.")
	an.Describe(&a.AddPreviousOutputInEnv, "Whether the command finds the output of the previous one in "+
		"`PULUMI_COMMAND_STDOUT` and `PULUMI_COMMAND_STDERR`. Defaults to true.")
}

// Printed is what the last command that succeeded wrote, each without its last line's end.
type Printed struct {
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

// Annotate describes the outputs in the schema.
func (o *Printed) Annotate(a infer.Annotator) {
	a.Describe(&o.Stdout, "What the command wrote to standard output.")
	a.Describe(&o.Stderr, "What the command wrote to standard error.")
}

// State is what the engine records of a command.
type State struct {
	Args
	Printed
}

// Command is the resource. Reads and diffs are the framework's own, as in the official plugin: a read returns the
// state as it is, and any changed input is an update unless it is marked replaceOnChanges.
type Command struct{}

// Annotate names and describes the resource.
func (c *Command) Annotate(a infer.Annotator) {
	a.SetToken("local", "Command")
	a.Describe(&c, "A command run on this machine.")
}

// Check refuses what the official plugin covers and this one does not.
func (*Command) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[Args], error) {
	if failures := unsupported(req.NewInputs); len(failures) > 0 {
		return infer.CheckResponse[Args]{Failures: failures}, nil
	}
	args, failures, err := infer.DefaultCheck[Args](ctx, withoutNulls(property.New(req.NewInputs)).AsMap())
	return infer.CheckResponse[Args]{Inputs: args, Failures: failures}, err
}

func unsupported(inputs property.Map) []p.CheckFailure {
	var failures []p.CheckFailure
	refuse := func(name, reason string) {
		failures = append(failures, p.CheckFailure{Property: name, Reason: says + " " + reason})
	}
	for _, name := range []string{"assetPaths", "archivePaths"} {
		if !inputs.Get(name).IsNull() {
			refuse(name, "returns no assets and archives; remove "+name)
		}
	}
	if hasAsset(inputs.Get("triggers")) {
		refuse("triggers", "takes no assets and archives as triggers; use a hash of their content")
	}
	// The official plugin takes any string and logs nothing if it does not know it.
	if value := inputs.Get("logging"); value.IsString() {
		var known []string
		for _, one := range Logging("").Values() {
			known = append(known, string(one.Value))
		}
		if !slices.Contains(known, value.AsString()) {
			refuse("logging", fmt.Sprintf("found %q, expected one of: %s", value.AsString(), strings.Join(known, ", ")))
		}
	}
	return failures
}

func hasAsset(value property.Value) bool {
	switch {
	case value.IsAsset(), value.IsArchive():
		return true
	case value.IsArray():
		return slices.ContainsFunc(value.AsArray().AsSlice(), hasAsset)
	case value.IsMap():
		for _, inner := range value.AsMap().All {
			if hasAsset(inner) {
				return true
			}
		}
	}
	return false
}

// withoutNulls removes what is null from objects, as the official plugin's older framework does. This one would end the
// plugin at a null in `environment`.
func withoutNulls(value property.Value) property.Value {
	switch {
	case value.IsArray():
		var all []property.Value
		for _, inner := range value.AsArray().All {
			all = append(all, withoutNulls(inner))
		}
		return property.WithGoValue(value, property.NewArray(all))
	case value.IsMap():
		all := map[string]property.Value{}
		for name, inner := range value.AsMap().All {
			if !inner.IsNull() {
				all[name] = withoutNulls(inner)
			}
		}
		return property.WithGoValue(value, property.NewMap(all))
	}
	return value
}

// Create runs `create`.
func (*Command) Create(
	ctx context.Context, req infer.CreateRequest[Args],
) (infer.CreateResponse[State], error) {
	id, err := resource.NewUniqueHex(req.Name, 8, 0)
	if err != nil {
		return infer.CreateResponse[State]{}, err
	}
	printed, err := nextOutput(ctx, req.Inputs, req.Inputs.Create, Printed{}, req.DryRun)
	return infer.CreateResponse[State]{ID: id, Output: State{req.Inputs, printed}}, err
}

// Update runs `update`, or else `create`.
func (*Command) Update(
	ctx context.Context, req infer.UpdateRequest[Args, State],
) (infer.UpdateResponse[State], error) {
	command := req.Inputs.Update
	if command == nil {
		command = req.Inputs.Create
	}
	printed, err := nextOutput(ctx, req.Inputs, command, req.State.Printed, req.DryRun)
	return infer.UpdateResponse[State]{Output: State{req.Inputs, printed}}, err
}

// errNotText is how the official plugin fails, after the command has done its work: its framework is older than the
// stand-in's and cannot send such an output to the engine.
var errNotText = errors.New("grpc: error while marshaling: string field contains invalid UTF-8")

// nextOutput is what to record: what the command printed if it is to run, what the previous one printed if it is not.
func nextOutput(ctx context.Context, args Args, command *string, previous Printed, preview bool) (Printed, error) {
	if command == nil || preview {
		return previous, nil // in a preview the framework marks it unknown where inputs changed
	}
	printed, err := run(ctx, args, *command, previous)
	if err == nil && !(utf8.ValidString(printed.Stdout) && utf8.ValidString(printed.Stderr)) {
		err = errNotText
	}
	return printed, err
}

// Delete runs `delete` with the inputs of the last create or update.
func (*Command) Delete(ctx context.Context, req infer.DeleteRequest[State]) (infer.DeleteResponse, error) {
	if req.State.Args.Delete == nil {
		return infer.DeleteResponse{}, nil
	}
	_, err := run(ctx, req.State.Args, *req.State.Args.Delete, req.State.Printed)
	return infer.DeleteResponse{}, err
}
