package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
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
	return map[string]handler{
		"AddVirtualSwitch": mends(keepSpecification),
		"AddPortGroup":     mends(giveToHost),
		"RemovePortGroup":  mends(takeFromHost),
	}
}

// giveToHost lists the network of a new port group with its host, where guests look for it.
func giveToHost(c *call) func(types.AnyType) {
	asked := c.Body.(*types.AddPortGroup)
	return func(types.AnyType) {
		system, ok := simulator.Map.Get(c.This).(*simulator.HostNetworkSystem)
		if network := networkOf(asked.Portgrp.Name); ok && network != nil {
			listed(system, func(known []types.ManagedObjectReference) []types.ManagedObjectReference {
				return append(known, *network)
			})
		}
	}
}

// takeFromHost takes the network of a port group from its host's list again.
func takeFromHost(c *call) func(types.AnyType) {
	network := networkOf(c.Body.(*types.RemovePortGroup).PgName)
	return func(types.AnyType) {
		system, ok := simulator.Map.Get(c.This).(*simulator.HostNetworkSystem)
		if ok && network != nil {
			listed(system, func(known []types.ManagedObjectReference) []types.ManagedObjectReference {
				return without(known, *network)
			})
		}
	}
}

func networkOf(name string) *types.ManagedObjectReference {
	for _, each := range simulator.Map.All("Network") {
		if network, ok := each.(*mo.Network); ok && network.Name == name {
			return &network.Self
		}
	}
	return nil
}

// listed changes the networks of a host, and of the cluster it is in.
func listed(system *simulator.HostNetworkSystem, change func([]types.ManagedObjectReference) []types.ManagedObjectReference) {
	system.Host.Network = change(system.Host.Network)
	switch parent := simulator.Map.Get(*system.Host.Parent).(type) {
	case *mo.ComputeResource:
		parent.Network = change(parent.Network)
	case *simulator.ClusterComputeResource:
		parent.Network = change(parent.Network)
	}
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
