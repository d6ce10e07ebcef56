package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// networkHandlers keep what the simulator forgets of new switches, after its hosts were told what their network systems
// have left out: keys and cards.
func networkHandlers() map[string]handler {
	for _, each := range simulator.Map.All("HostSystem") {
		host := each.(*simulator.HostSystem)
		system, ok := simulator.Map.Get(*host.ConfigManager.NetworkSystem).(*simulator.HostNetworkSystem)
		if ok && host.Config != nil && host.Config.Network != nil {
			complete(system.NetworkInfo.Vswitch, host.Config.Network.Vswitch)
		}
	}
	return map[string]handler{"AddVirtualSwitch": mends(keepSpecification)}
}

func complete(known, recorded []types.HostVirtualSwitch) {
	for i := range known {
		for _, each := range recorded {
			if each.Name == known[i].Name && known[i].Key == "" {
				groups := known[i].Portgroup
				known[i] = each
				known[i].Portgroup = groups
			}
		}
	}
}

func keepSpecification(c *call) func(types.AnyType) {
	asked := c.Body.(*types.AddVirtualSwitch)
	return func(types.AnyType) {
		system, ok := simulator.Map.Get(c.This).(*simulator.HostNetworkSystem)
		if !ok || asked.Spec == nil {
			return
		}
		for i := range system.NetworkInfo.Vswitch {
			made := &system.NetworkInfo.Vswitch[i]
			if made.Name != asked.VswitchName {
				continue
			}
			made.Key = "key-vim.host.VirtualSwitch-" + made.Name
			made.Spec, made.Mtu = *asked.Spec, asked.Spec.Mtu
			if bridge, ok := asked.Spec.Bridge.(*types.HostVirtualSwitchBondBridge); ok {
				for _, card := range bridge.NicDevice {
					made.Pnic = append(made.Pnic, "key-vim.host.PhysicalNic-"+card)
				}
			}
		}
	}
}
