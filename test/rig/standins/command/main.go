// Command pulumi-resource-command stands in for the official command plugin where only package registries can be
// reached. It uses the official plugin's framework and none of its code.
package main

import (
	"context"
	"fmt"
	"os"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/middleware/schema"
)

const (
	packageName = "command"
	says        = "Taffrail's stand-in for the Pulumi command plugin"
)

var version = "0.0.0" // set by the linker

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Printf("%s-standin. This is %s, not the plugin itself.\n", version, says)
		return
	}
	if err := newProvider().Run(context.Background(), packageName, version); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", says, err)
		os.Exit(1)
	}
}

func newProvider() p.Provider {
	return infer.Wrap(refuseEverythingElse(), infer.Options{
		Metadata: schema.Metadata{
			DisplayName: "Command (stand-in)",
			Description: "This is " + says + ". It covers " + token + " only.",
			LanguageMap: map[string]any{"nodejs": map[string]any{"respectSchemaVersion": true}},
		},
		Resources: []infer.InferredResource{infer.Resource(&Command{})},
	})
}

// refuseEverythingElse answers for the official plugin's other resources and its function. Without it the framework
// says that they do not exist.
func refuseEverythingElse() p.Provider {
	refusal := func(name string) error {
		return fmt.Errorf("%s covers %s only; %s needs the official plugin", says, token, name)
	}
	return p.Provider{
		Check: func(_ context.Context, req p.CheckRequest) (p.CheckResponse, error) {
			return p.CheckResponse{}, refusal(string(req.Urn.Type()))
		},
		// The engine reads and deletes what is in a state without checking it first.
		Read: func(_ context.Context, req p.ReadRequest) (p.ReadResponse, error) {
			return p.ReadResponse{}, refusal(string(req.Urn.Type()))
		},
		Delete: func(_ context.Context, req p.DeleteRequest) error {
			return refusal(string(req.Urn.Type()))
		},
		Invoke: func(_ context.Context, req p.InvokeRequest) (p.InvokeResponse, error) {
			return p.InvokeResponse{}, refusal(string(req.Token))
		},
		Call: func(_ context.Context, req p.CallRequest) (p.CallResponse, error) {
			return p.CallResponse{}, refusal(string(req.Tok))
		},
		Construct: func(_ context.Context, req p.ConstructRequest) (p.ConstructResponse, error) {
			return p.ConstructResponse{}, refusal(string(req.Urn.Type()))
		},
	}
}
