// consul-cni is the lab's CNI plugin for transparent proxy. It redirects the traffic of an allocation to its Envoy, with the same rules of
// iptables as HashiCorp's plugin of this name, which hosts outside the lab have and which is not published as a Go module.
//
// Nomad runs it last in the chain of plugins of a bridge network, if the group has a transparent_proxy block.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	cni "github.com/containernetworking/cni/pkg/version"
	"github.com/containernetworking/plugins/pkg/utils/buildversion"
	"github.com/hashicorp/consul/sdk/iptables"
)

// version is set when the plugin is built. Nomad reads it, and requires 1.4.2 or newer.
var version = "v0.0.0"

// arguments are what Nomad adds to CNI_ARGS. CONSUL_IPTABLES_CONFIG is the JSON of iptables.Config.
type arguments struct {
	types.CommonArgs
	CONSUL_IPTABLES_CONFIG types.UnmarshallableString
}

func main() {
	about := fmt.Sprintf("CNI consul-cni plugin %s of the CNI plugins %s", version, buildversion.BuildVersion)
	// When an allocation ends, its network namespace ends too, with all rules in it.
	none := func(*skel.CmdArgs) error { return nil }
	skel.PluginMainFuncs(skel.CNIFuncs{Add: add, Check: check, Del: none}, cni.All, about)
}

func add(args *skel.CmdArgs) error {
	result, cniVersion, err := previousResult(args.StdinData)
	if err != nil {
		return err
	}
	config, err := iptablesConfig(args)
	if err != nil {
		return err
	}
	if err := iptables.Setup(config); err != nil {
		return fmt.Errorf("the traffic of %s cannot be redirected: %w", args.ContainerID, err)
	}
	return types.PrintResult(result, cniVersion)
}

// check fails if the namespace has no rules. Nomad then creates the network again.
func check(args *skel.CmdArgs) error {
	command := exec.Command("nsenter", "--net="+args.Netns, "--", "iptables", "-t", "nat", "-S", iptables.ProxyOutputChain)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("the traffic of %s is not redirected: %w: %s", args.ContainerID, err, output)
	}
	return nil
}

func iptablesConfig(args *skel.CmdArgs) (config iptables.Config, err error) {
	var given arguments
	if err := types.LoadArgs(args.Args, &given); err != nil {
		return config, fmt.Errorf("CNI_ARGS cannot be read: %w", err)
	}
	if given.CONSUL_IPTABLES_CONFIG == "" {
		return config, errors.New("CNI_ARGS has no CONSUL_IPTABLES_CONFIG, which Nomad 1.8 and newer sets")
	}
	if err := json.Unmarshal([]byte(given.CONSUL_IPTABLES_CONFIG), &config); err != nil {
		return config, fmt.Errorf("CONSUL_IPTABLES_CONFIG is not JSON: %w", err)
	}
	config.NetNS = args.Netns
	return config, nil
}

// previousResult returns the result of the plugin before this one, which this one passes on, and the version of the network's configuration.
func previousResult(stdin []byte) (types.Result, string, error) {
	var network types.NetConf
	if err := json.Unmarshal(stdin, &network); err != nil {
		return nil, "", fmt.Errorf("the configuration of the network is not JSON: %w", err)
	}
	if err := cni.ParsePrevResult(&network); err != nil {
		return nil, "", err
	}
	if network.PrevResult == nil {
		return nil, "", errors.New("there is no previous result: consul-cni must be the last plugin of a chain")
	}
	return network.PrevResult, network.CNIVersion, nil
}
