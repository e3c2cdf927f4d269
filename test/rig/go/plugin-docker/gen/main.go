// Writes the schema that the plugin embeds: `gen schema --skip-docs --skip-examples --out <folder>`.
package main

import (
	"os"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfgen"
	"github.com/terraform-providers/terraform-provider-docker/taffrail/mapping"
)

func main() {
	version := os.Getenv("PLUGIN_VERSION")
	tfgen.Main("docker", version, mapping.Provider(version))
}
