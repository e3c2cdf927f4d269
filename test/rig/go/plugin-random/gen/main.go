// Writes the schema that the plugin embeds: `gen schema --skip-docs --skip-examples --out <folder>`.
package main

import (
	"os"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfgen"
	"github.com/terraform-providers/terraform-provider-random/taffrail/mapping"
)

func main() {
	tfgen.Main("random", mapping.Provider(os.Getenv("PLUGIN_VERSION")))
}
