package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// startupTable is a host's table of guests that start with it.
type startupTable struct {
	mo.HostAutoStartManager
	host *simulator.HostSystem
}

func addStartupTable(host *simulator.HostSystem) {
	table := &startupTable{host: host}
	table.Self = types.ManagedObjectReference{Type: "HostAutoStartManager", Value: "autostart-" + host.Self.Value}
	simulator.Map.Put(table)
	host.ConfigManager.AutoStartManager = &table.Self
	config := *host.Config
	config.AutoStart = &types.HostAutoStartManagerConfig{Defaults: &types.AutoStartDefaults{Enabled: types.NewBool(false)}}
	host.Config = &config
}

// ReconfigureAutostart changes the entries that are named, and the defaults if there are any.
func (table *startupTable) ReconfigureAutostart(request *types.ReconfigureAutostart) soap.HasFault {
	known := table.host.Config.AutoStart
	if request.Spec.Defaults != nil && request.Spec.Defaults.Enabled != nil {
		known.Defaults.Enabled = request.Spec.Defaults.Enabled
	}
	for _, wanted := range request.Spec.PowerInfo {
		kept := []types.AutoStartPowerInfo{}
		for _, each := range known.PowerInfo {
			if each.Key != wanted.Key {
				kept = append(kept, each)
			}
		}
		known.PowerInfo = append(kept, wanted)
	}
	return &methods.ReconfigureAutostartBody{Res: &types.ReconfigureAutostartResponse{}}
}
