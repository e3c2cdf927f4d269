// The random resource plugin: upstream's provider under Pulumi's bridge.
package main

import (
	"context"
	_ "embed"

	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/terraform-providers/terraform-provider-random/taffrail/mapping"
)

// `{}` here, replaced by what ./gen writes while building.
//
//go:embed schema.json
var schema []byte

var version = "0.0.0" // set by the linker

func main() {
	pf.Main(context.Background(), "random", mapping.Provider(version),
		pf.ProviderMetadata{PackageSchema: schema, BridgeMetadata: mapping.Metadata})
}
