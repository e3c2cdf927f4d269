package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-go-provider/integration/fake"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/provider"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	p "github.com/pulumi/pulumi-go-provider"
)

type (
	props  = resource.PropertyMap
	object = map[string]any
)

// engine drives the plugin as the real engine does: with its own client, over a real connection, and with a log.
type engine struct {
	plugin.Provider
	t   *testing.T
	log *fake.EngineServer
}

// deployed is what an engine records of a resource.
type deployed struct {
	id              resource.ID
	inputs, outputs props
}

func start(t *testing.T) *engine {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	log := fake.NewEngineServer()
	address, _, err := fake.StartEngineServer(ctx, log)
	must(t, err)
	host, err := provider.NewHostClient(address)
	must(t, err)
	port := serve(t, address, host)
	conn, err := grpc.NewClient(fmt.Sprintf("127.0.0.1:%d", port),
		grpc.WithTransportCredentials(insecure.NewCredentials()), rpcutil.GrpcChannelOptions())
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })

	e := &engine{plugin.NewProviderWithClient(nil, pulumirpc.NewResourceProviderClient(conn), false), t, log}
	_, err = e.Handshake(ctx, plugin.ProviderHandshakeRequest{EngineAddress: address, AcceptsByteString: true})
	if other() == "" || status.Code(err) != codes.Unimplemented { // the engine goes on without it, too
		must(t, err)
	}
	self := resource.NewURN("test", "taffrail", "", "pulumi:providers:command", "default")
	name, kind, id := self.Name(), self.Type(), resource.ID("default")
	_, err = e.Configure(ctx, plugin.ConfigureRequest{URN: &self, Name: &name, Type: &kind, ID: &id, Inputs: props{}})
	must(t, err)
	return e
}

// serve runs the stand-in in this process, or the plugin that is to be compared with it. @returns its port
func serve(t *testing.T, address string, host *provider.HostClient) int {
	t.Helper()
	if other() != "" {
		return launch(t, address)
	}
	server, err := p.RawServer(packageName, "1.2.1", newProvider())(host)
	must(t, err)
	cancel := make(chan bool)
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: cancel,
		Init: func(s *grpc.Server) error {
			pulumirpc.RegisterResourceProviderServer(s, server)
			return nil
		},
	})
	must(t, err)
	t.Cleanup(func() { close(cancel) })
	return handle.Port
}

// other is a plugin to run these tests against, to see that they tell the official one's behaviour. It is asked for by
// each test, because Go would otherwise take the results of another plugin from its cache.
func other() string { return os.Getenv("COMMAND_PLUGIN") }

// standInOnly skips what is deliberately different.
func standInOnly(t *testing.T) {
	t.Helper()
	if other() != "" {
		t.Skip("the stand-in's own behaviour")
	}
}

func launch(t *testing.T, address string) int {
	t.Helper()
	child := exec.Command(other(), address)
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	t.Cleanup(func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	})
	var port int
	_, err = fmt.Fscan(out, &port)
	must(t, err)
	return port
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func urn(token string) resource.URN {
	return resource.NewURN("test", "taffrail", "", tokens.Type(token), "job")
}

var job = urn(token)

// values makes a property map; a value may be a resource.PropertyValue.
func values(of object) props { return resource.NewPropertyMapFromMap(of) }

func secret(value string) resource.PropertyValue {
	return resource.MakeSecret(resource.NewProperty(value))
}

var unknown = resource.MakeComputed(resource.NewProperty(""))

// checked is what the plugin makes of a program's inputs.
func (e *engine) checked(inputs props, preview bool) props {
	e.t.Helper()
	res, err := e.Check(context.Background(), plugin.CheckRequest{URN: job, News: inputs, AllowUnknowns: preview})
	must(e.t, err)
	if len(res.Failures) > 0 {
		e.t.Fatalf("refused: %v", res.Failures)
	}
	return res.Properties
}

// up creates the resource.
func (e *engine) up(inputs object) deployed {
	e.t.Helper()
	made, err := e.tryUp(inputs)
	must(e.t, err)
	return made
}

func (e *engine) tryUp(inputs object) (deployed, error) {
	e.t.Helper()
	in := e.checked(values(inputs), false)
	res, err := e.Create(context.Background(), plugin.CreateRequest{URN: job, Properties: in})
	return deployed{res.ID, in, res.Properties}, err
}

// preview plans to create it. @returns the outputs as far as they are known
func (e *engine) preview(inputs object) props {
	e.t.Helper()
	in := e.checked(values(inputs), true)
	res, err := e.Create(context.Background(), plugin.CreateRequest{URN: job, Properties: in, Preview: true})
	must(e.t, err)
	return res.Properties
}

func (e *engine) update(old deployed, inputs object) deployed {
	e.t.Helper()
	made, err := e.tryUpdate(old, inputs, false)
	must(e.t, err)
	return made
}

func (e *engine) previewUpdate(old deployed, inputs object) props {
	e.t.Helper()
	made, err := e.tryUpdate(old, inputs, true)
	must(e.t, err)
	return made.outputs
}

func (e *engine) tryUpdate(old deployed, inputs object, preview bool) (deployed, error) {
	e.t.Helper()
	in := e.checked(values(inputs), preview)
	res, err := e.Update(context.Background(), plugin.UpdateRequest{
		URN: job, ID: old.id, OldInputs: old.inputs, OldOutputs: old.outputs, NewInputs: in, Preview: preview,
	})
	return deployed{old.id, in, res.Properties}, err
}

func (e *engine) diff(old deployed, inputs object) plugin.DiffResult {
	e.t.Helper()
	res, err := e.Diff(context.Background(), plugin.DiffRequest{
		URN: job, ID: old.id, OldInputs: old.inputs, OldOutputs: old.outputs,
		NewInputs: e.checked(values(inputs), true), AllowUnknowns: true,
	})
	must(e.t, err)
	return res
}

func (e *engine) down(old deployed) error {
	_, err := e.Delete(context.Background(), plugin.DeleteRequest{
		URN: job, ID: old.id, Inputs: old.inputs, Outputs: old.outputs,
	})
	return err
}

// logged is what the engine's log got, in order.
func (e *engine) logged() []string {
	var lines []string
	for _, one := range e.log.Logs() {
		lines = append(lines, one.GetMessage())
	}
	return lines
}

// stdout and stderr of a resource that was really made.
func (d deployed) stdout() string { return d.outputs["stdout"].StringValue() }
func (d deployed) stderr() string { return d.outputs["stderr"].StringValue() }

func equal[T comparable](t *testing.T, what string, found, expected T) {
	t.Helper()
	if found != expected {
		t.Errorf("%s: found %#v, expected %#v", what, found, expected)
	}
}

func contains(t *testing.T, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%q lacks %q", text, part)
	}
}
