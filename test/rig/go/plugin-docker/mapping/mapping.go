// Package mapping names the docker provider's resources as the official Pulumi package does.
// The facts are those of that package's published schema (@pulumi/docker 5.2.0, all but its own `Image`).
package mapping

import (
	"context"
	_ "embed"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

// Metadata is what the generator remembers of earlier releases: `{}` here, replaced while building.
//
//go:embed bridge-metadata.json
var Metadata []byte

// Provider maps upstream's resources; version is only reported to the registry as user agent.
func Provider(version string) tfbridge.ProviderInfo {
	named := func(name string) tfbridge.ResourceInfo {
		return tfbridge.ResourceInfo{Tok: tfbridge.MakeResource("docker", "index", name)}
	}
	container := named("Container")
	container.DeleteBeforeReplace = true // names and ports cannot be held twice
	container.Fields = map[string]*tfbridge.SchemaInfo{
		"command":           {Name: "command"},
		"networks_advanced": {Name: "networksAdvanced"},
	}
	image := named("RemoteImage")
	image.Fields = map[string]*tfbridge.SchemaInfo{"name": {Name: "name"}} // never a generated one
	config := named("ServiceConfig")

	info := tfbridge.ProviderInfo{
		P:       shimv2.NewProvider(provider.New(version)()),
		Name:    "docker",
		Version: version,
		Config: map[string]*tfbridge.SchemaInfo{
			"host": {Default: &tfbridge.DefaultInfo{
				EnvVars: []string{"DOCKER_HOST"},
				ComputeDefault: func(context.Context, tfbridge.ComputeDefaultOptions) (any, error) {
					return "unix:///var/run/docker.sock", nil
				},
			}},
			"registry_auth": {Name: "registryAuth", MaxItemsOne: tfbridge.False()},
		},
		Resources: map[string]*tfbridge.ResourceInfo{
			"docker_config":    &config,
			"docker_container": &container,
			"docker_image":     &image,
		},
		DataSources: map[string]*tfbridge.DataSourceInfo{
			"docker_image": {Tok: tfbridge.MakeDataSource("docker", "index", "getRemoteImage")},
		},
		MetadataInfo: tfbridge.NewProviderMetadata(Metadata),
	}
	info.MustComputeTokens(tokens.SingleModule("docker_", "index", tokens.MakeStandard("docker")))
	info.MustApplyAutoAliases()
	info.SetAutonaming(255, "-")
	return info
}
