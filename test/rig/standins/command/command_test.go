package main

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

func TestSchema(t *testing.T) {
	standInOnly(t)
	e := start(t)
	res, err := e.GetSchema(context.Background(), plugin.GetSchemaRequest{})
	must(t, err)
	var spec schema.PackageSpec
	must(t, json.Unmarshal(res.Schema, &spec))
	info, err := e.GetPluginInfo(context.Background())
	must(t, err)
	equal(t, "name", spec.Name, "command")
	equal(t, "version", spec.Version, "1.2.1")
	equal(t, "the plugin's version", info.Version.String(), "1.2.1")
	equal(t, "resources", names(spec.Resources), "command:local:Command")
	equal(t, "functions", names(spec.Functions), "")
	equal(t, "types", names(spec.Types), "command:local:Logging")

	command := spec.Resources[token]
	const inputs = "addPreviousOutputInEnv create delete dir environment interpreter logging stdin triggers update"
	equal(t, "inputs", names(command.InputProperties), inputs)
	equal(t, "outputs", names(command.Properties),
		"addPreviousOutputInEnv create delete dir environment interpreter logging stderr stdin stdout triggers update")
	equal(t, "required outputs", strings.Join(command.Required, " "), "stdout stderr")
	equal(t, "required inputs", len(command.RequiredInputs), 0)
	for name, property := range command.InputProperties {
		equal(t, name+" replaces", property.ReplaceOnChanges, name == "triggers")
		equal(t, name+" is secret", property.Secret, false)
	}
	var takes []string
	for _, value := range spec.Types["command:local:Logging"].Enum {
		takes = append(takes, value.Value.(string))
	}
	equal(t, "logging", strings.Join(takes, " "), "stdout stderr stdoutAndStderr none")
}

func names[V any](of map[string]V) string { return strings.Join(slices.Sorted(maps.Keys(of)), " ") }

func TestUpdate(t *testing.T) {
	e := start(t)
	first := e.up(object{"create": "echo created", "update": "echo updated"})
	equal(t, "create", first.stdout(), "created")
	second := e.update(first, object{"create": "echo created", "update": "echo again"})
	equal(t, "update", second.stdout(), "again")
	equal(t, "id", second.id, first.id)
	third := e.update(second, object{"create": "echo another"})
	equal(t, "create without update", third.stdout(), "another")
	equal(t, "stderr of the new run", third.stderr(), "")
	fourth := e.update(third, object{"delete": "true"})
	equal(t, "nothing to run keeps the output", fourth.stdout(), "another")
	equal(t, "an input that is gone", fourth.outputs.HasValue("create"), false)
}

func TestDelete(t *testing.T) {
	e := start(t)
	trace := filepath.Join(t.TempDir(), "trace")
	must(t, e.down(e.up(object{"create": "echo created >" + trace})))
	equal(t, "nothing runs without delete", read(t, trace), "created\n")

	inputs := object{
		"create": "echo out; echo err >&2", "stdin": "in", "dir": filepath.Dir(trace), "environment": object{"A": "b"},
		"delete": `echo "$A $(cat) $PULUMI_COMMAND_STDOUT $PULUMI_COMMAND_STDERR" >trace`,
	}
	must(t, e.down(e.up(inputs)))
	equal(t, "delete with inputs and outputs", read(t, trace), "b in out err\n")
	inputs["addPreviousOutputInEnv"] = false
	must(t, e.down(e.up(inputs)))
	equal(t, "delete without the outputs", read(t, trace), "b in  \n")

	err := e.down(e.up(object{"delete": "echo no; exit 3"}))
	equal(t, "a failed delete", err.Error(), `exit status 3: running "echo no; exit 3":`+"\nno\n")
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	return string(text)
}

func TestDiff(t *testing.T) {
	e := start(t)
	was := object{
		"create": "true", "update": "true", "delete": "true", "triggers": []any{"a", 1.0}, "stdin": "in", "dir": "/",
		"environment": object{"A": "b"}, "interpreter": []any{"/bin/sh", "-c"}, "logging": "none", "addPreviousOutputInEnv": true,
	}
	old := e.up(was)
	with := func(name string, value any) object {
		is := maps.Clone(was)
		is[name] = value
		if value == nil {
			delete(is, name)
		}
		return is
	}
	same := e.diff(old, was)
	equal(t, "no change", same.Changes, plugin.DiffNone)
	equal(t, "no change's keys", len(same.DetailedDiff), 0)
	for name, value := range map[string]any{
		"create": "false", "update": "false", "delete": "false", "stdin": "more", "dir": "/tmp",
		"environment": object{"A": "c"}, "interpreter": []any{"/bin/bash", "-c"}, "logging": "stdout",
		"addPreviousOutputInEnv": false,
	} {
		changed, gone := e.diff(old, with(name, value)), e.diff(old, with(name, nil))
		for _, diff := range []plugin.DiffResult{changed, gone} {
			equal(t, name+" changes", diff.Changes, plugin.DiffSome)
			equal(t, name+" replaces", diff.Replace(), false)
		}
	}
	kinds := func(diff plugin.DiffResult) string {
		var text []string
		for key, one := range diff.DetailedDiff {
			text = append(text, key+" "+one.Kind.String())
		}
		return strings.Join(slices.Sorted(slices.Values(text)), ", ")
	}
	equal(t, "environment", kinds(e.diff(old, with("environment", object{"A": "c", "D": "e"}))), "environment.A update, environment.D add")

	// Of an element the plugin says "update": that it replaces is an option that the SDK sets, triggers[*].
	equal(t, "a trigger", kinds(e.diff(old, with("triggers", []any{"b", 1.0}))), "triggers[0] update")
	equal(t, "one more trigger", kinds(e.diff(old, with("triggers", []any{"a", 1.0, 2.0}))), "triggers[2] add")
	gone := e.diff(old, with("triggers", nil))
	equal(t, "no triggers any more", kinds(gone), "triggers delete-replace")
	equal(t, "no triggers any more", gone.Replace(), true)
	first := e.diff(e.up(object{"create": "true"}), object{"create": "true", "triggers": []any{"a"}})
	equal(t, "the first triggers", kinds(first), "triggers add-replace")
	equal(t, "delete before replace", first.DeleteBeforeReplace, false)
}

func TestPreview(t *testing.T) {
	e := start(t)
	trace := filepath.Join(t.TempDir(), "trace")
	create := "echo run >>" + trace + "; cat " + trace
	planned := e.preview(object{"create": create, "stdin": unknown})
	isUnknown := func(outputs props, expected bool) {
		t.Helper()
		for _, name := range []resource.PropertyKey{"stdout", "stderr"} {
			equal(t, string(name)+" is unknown", outputs[name].ContainsUnknowns(), expected)
		}
	}
	isUnknown(planned, true)
	equal(t, "an unknown input", planned["stdin"].ContainsUnknowns(), true)
	equal(t, "a known input", planned["create"].StringValue(), create)
	if _, err := os.Stat(trace); err == nil {
		t.Fatal("a preview ran the command")
	}

	old := e.up(object{"create": create, "environment": object{"A": "b"}})
	isUnknown(e.previewUpdate(old, object{"create": create, "environment": object{"A": "b"}}), false)
	isUnknown(e.previewUpdate(old, object{"create": create, "environment": object{"A": "c"}}), true)
	isUnknown(e.previewUpdate(old, object{"create": create}), true)
	isUnknown(e.previewUpdate(old, object{"create": create, "environment": unknown}), true)
	// The framework compares with the old state: of an input that was not there it takes the old output for the new.
	added := e.previewUpdate(old, object{"create": create, "environment": object{"A": "b"}, "dir": "/"})
	isUnknown(added, false)
	equal(t, "stdout with an added input", added["stdout"].StringValue(), "run")
	isUnknown(e.previewUpdate(old, object{"create": create, "environment": object{"A": "b"}, "dir": unknown}), true)
	equal(t, "runs", read(t, trace), "run\n")
}

func TestRead(t *testing.T) {
	e := start(t)
	trace := filepath.Join(t.TempDir(), "trace")
	made := e.up(object{"create": "echo run >>" + trace, "stdin": secret("hush"), "triggers": []any{"a"}})
	res, err := e.Read(context.Background(), plugin.ReadRequest{URN: job, ID: made.id, Inputs: made.inputs, State: made.outputs})
	must(t, err)
	equal(t, "id", res.ID, made.id)
	equal(t, "inputs", res.Inputs.DeepEquals(made.inputs), true)
	equal(t, "state", res.Outputs.DeepEquals(made.outputs), true)
	equal(t, "runs", read(t, trace), "run\n")
}

// Only inputs stay secret. An output that tells a secret is in the state in clear, unless the program lists it in
// additionalSecretOutputs.
func TestSecrets(t *testing.T) {
	e := start(t)
	inputs := object{"create": `cat; echo "$A" >&2`, "stdin": secret("hush"), "environment": object{"A": secret("hush, too")}}
	made := e.up(inputs)
	updated := e.update(made, object{"create": "cat", "update": secret("cat; true"), "stdin": secret("more")})
	equal(t, "the command got the secret", made.stdout()+made.stderr()+updated.stdout(), "hushhush, toomore")
	for name, value := range map[string]resource.PropertyValue{
		"stdin":       made.outputs["stdin"],
		"environment": made.outputs["environment"].ObjectValue()["A"],
		"new stdin":   updated.outputs["stdin"],
		"update":      updated.outputs["update"],
	} {
		equal(t, name+" is secret", value.IsSecret(), true)
	}
	equal(t, "create is secret", made.outputs["create"].IsSecret(), false)
	for _, outputs := range []props{made.outputs, updated.outputs} {
		equal(t, "stdout is secret", outputs["stdout"].ContainsSecrets(), false)
		equal(t, "stderr is secret", outputs["stderr"].ContainsSecrets(), false)
	}
	same := e.diff(made, inputs)
	equal(t, "the same secrets", same.Changes, plugin.DiffNone)
}

func TestRefusals(t *testing.T) {
	standInOnly(t)
	e := start(t)
	ctx := context.Background()
	asset, err := resource.NewTextAsset("a")
	must(t, err)
	for _, test := range []struct {
		inputs   object
		property string
		words    string
	}{
		{object{"assetPaths": []any{"*"}}, "assetPaths", "returns no assets and archives; remove assetPaths"},
		{object{"archivePaths": unknown}, "archivePaths", "returns no assets and archives; remove archivePaths"},
		{object{"triggers": []any{object{"in": []any{asset}}}}, "triggers", "takes no assets and archives as triggers; use a hash of their content"},
		{object{"logging": secret("all")}, "logging", `found "all", expected one of: stdout, stderr, stdoutAndStderr, none`},
	} {
		res, err := e.Check(ctx, plugin.CheckRequest{URN: job, News: values(test.inputs), AllowUnknowns: true})
		must(t, err)
		if len(res.Failures) != 1 {
			t.Fatalf("%s: %v", test.property, res.Failures)
		}
		equal(t, "property", string(res.Failures[0].Property), test.property)
		equal(t, "reason", res.Failures[0].Reason, "Taffrail's stand-in for the Pulumi command plugin "+test.words)
	}
	res, err := e.Check(ctx, plugin.CheckRequest{URN: job, News: values(object{"creat": "true"})})
	must(t, err)
	equal(t, "a misspelt input is refused", len(res.Failures), 1)
	e.checked(values(object{"create": "true", "logging": unknown, "triggers": []any{unknown, nil, "a", object{}}}), true)

	for _, kind := range []string{"command:remote:Command", "command:remote:CopyToRemote", "command:remote:CopyFile"} {
		expected := says + " covers command:local:Command only; " + kind + " needs the official plugin"
		_, err := e.Check(ctx, plugin.CheckRequest{URN: urn(kind), News: props{}})
		equal(t, "check", err.Error(), expected)
		_, err = e.Read(ctx, plugin.ReadRequest{URN: urn(kind), ID: "1", Inputs: props{}, State: props{}})
		equal(t, "read", err.Error(), expected)
		_, err = e.Delete(ctx, plugin.DeleteRequest{URN: urn(kind), ID: "1", Inputs: props{}, Outputs: props{}})
		equal(t, "delete", err.Error(), expected)
	}
	_, err = e.Invoke(ctx, plugin.InvokeRequest{Tok: "command:local:run", Args: props{}})
	equal(t, "invoke", err.Error(), says+" covers command:local:Command only; command:local:run needs the official plugin")
}
