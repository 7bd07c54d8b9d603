package main

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/imds"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/nodeagent"
)

const nodeAddressHelp = `Give this node the address ` + imds.PodAddress + `, where "sts-helper serve --node" answers pods.

The address is put on a network device of its own, sts-helper, which is made where it is missing; where
the kernel has no dummy devices, on the loopback device. Run again, it changes nothing.

    sts-helper node-address

It needs root, or CAP_NET_ADMIN, and is run before the agent, which then needs less. The address goes
with the device: ip link delete sts-helper.`

func (p *program) nodeAddressCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "node-address [flags]",
		Short: "Give a Kubernetes node the address for pods",
		Long:  nodeAddressHelp,
		Args:  noArguments,
	}
	six := cmd.Flags().Bool("ipv6", false, "add "+imds.PodAddress6+" too, for pods without IPv4")
	cmd.RunE = func(*cobra.Command, []string) error {
		addrs := []netip.Addr{netip.MustParseAddr(imds.PodAddress)}
		if *six {
			addrs = append(addrs, netip.MustParseAddr(imds.PodAddress6))
		}
		on, err := nodeagent.AddAddresses(addrs)
		if err == nil {
			for _, a := range addrs {
				fmt.Fprintf(p.stderr, "%s is an address of the network device %s\n", a, on)
			}
			return nil
		}
		e := failure.Configf("%s", err)
		e.Err = err
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
			e.Next = "run it as root, or with the capability NET_ADMIN"
		}
		return e
	}
	return cmd
}
