// The docker resource plugin: upstream's provider under Pulumi's bridge.
package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/terraform-providers/terraform-provider-docker/taffrail/mapping"
)

// `{}` here, replaced by what ./gen writes while building.
//
//go:embed schema.json
var schema []byte

var version = "0.0.0" // set by the linker

func main() {
	tfbridge.Main("docker", version, mapping.Provider(version), schema)
}
