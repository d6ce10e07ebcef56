package main

import (
	"bytes"
	"net/http"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// taken are the configurations that snapshots keep, and whether they keep memory.
var taken sync.Map

type kept struct {
	config types.VirtualMachineConfigInfo
	memory bool
	power  types.VirtualMachinePowerState
}

func snapshotHandlers() map[string]handler {
	return map[string]handler{
		"CreateSnapshot_Task":   mends(keepConfig),
		"RevertToSnapshot_Task": mends(bringBack),
		"RemoveSnapshot_Task":   mends(moveCurrent),
		"RenameSnapshot":        answers(renameSnapshot),

		"ConsolidateVMDisks_Task": answers(consolidate),
	}
}

// copied is a copy of a configuration that shares nothing with it.
func copied(config *types.VirtualMachineConfigInfo) types.VirtualMachineConfigInfo {
	text, err := xml.Marshal(config)
	check(err)
	decoder := xml.NewDecoder(bytes.NewReader(text))
	decoder.TypeFunc = types.TypeFunc()
	var made types.VirtualMachineConfigInfo
	check(decoder.Decode(&made))
	return made
}

func keepConfig(c *call) func(types.AnyType) {
	vm, asked := c.machine(), c.Body.(*types.CreateSnapshot_Task)
	power := vm.Runtime.PowerState
	return func(snapshot types.AnyType) {
		reference := snapshot.(types.ManagedObjectReference)
		memory := asked.Memory && power == types.VirtualMachinePowerStatePoweredOn
		taken.Store(reference.Value, kept{copied(vm.Config), memory, power})
	}
}

func machineOf(snapshot types.ManagedObjectReference) *simulator.VirtualMachine {
	known, _ := simulator.Map.Get(snapshot).(*simulator.VirtualMachineSnapshot)
	if known == nil {
		return nil
	}
	return simulator.Map.Get(known.Vm).(*simulator.VirtualMachine)
}

// bringBack puts the configuration back, all but the name.
func bringBack(c *call) func(types.AnyType) {
	vm := machineOf(c.This)
	return func(types.AnyType) {
		found, ok := taken.Load(c.This.Value)
		if !ok {
			return
		}
		known := found.(kept)
		config := copied(&known.config)
		config.Name = vm.Name
		set(vm, map[string]types.AnyType{
			"config":                      config,
			"summary.config.annotation":   config.Annotation,
			"summary.config.memorySizeMB": config.Hardware.MemoryMB,
			"summary.config.numCpu":       config.Hardware.NumCPU,
		})
	}
}

// moveCurrent has a guest stand on the parent of what goes, before it goes.
func moveCurrent(c *call) func(types.AnyType) {
	asked, vm := c.Body.(*types.RemoveSnapshot_Task), machineOf(c.This)
	if vm == nil || vm.Snapshot == nil || vm.Snapshot.CurrentSnapshot == nil {
		return nil
	}
	node, parent := findNode(vm.Snapshot.RootSnapshotList, c.This, nil)
	if node == nil {
		return nil
	}
	current := *vm.Snapshot.CurrentSnapshot
	stands := current == c.This
	if asked.RemoveChildren {
		below, _ := findNode([]types.VirtualMachineSnapshotTree{*node}, current, nil)
		stands = below != nil
	}
	if stands && parent != nil {
		set(vm, map[string]types.AnyType{"snapshot.currentSnapshot": *parent})
	} else if stands {
		set(vm, map[string]types.AnyType{"snapshot.currentSnapshot": nil})
	}
	return nil
}

func findNode(
	trees []types.VirtualMachineSnapshotTree, wanted types.ManagedObjectReference, parent *types.ManagedObjectReference,
) (*types.VirtualMachineSnapshotTree, *types.ManagedObjectReference) {
	for at := range trees {
		if trees[at].Snapshot == wanted {
			return &trees[at], parent
		}
		if found, above := findNode(trees[at].ChildSnapshotList, wanted, &trees[at].Snapshot); found != nil {
			return found, above
		}
	}
	return nil, nil
}

// consolidate joins what deleted snapshots have left behind: nothing here, but that something was is over.
func consolidate(c *call) (interface{}, types.BaseMethodFault) {
	vm := c.machine()
	task := simulator.CreateTask(vm, "consolidateDisks", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		set(vm, map[string]types.AnyType{"runtime.consolidationNeeded": false})
		return nil, nil
	})
	return &types.ConsolidateVMDisks_TaskResponse{Returnval: task.Run()}, nil
}

// serveLeftovers has a guest need that.
func serveLeftovers(w http.ResponseWriter, r *http.Request) {
	found := simulator.Map.Get(types.ManagedObjectReference{Type: "VirtualMachine", Value: r.URL.Query().Get("id")})
	vm, ok := found.(*simulator.VirtualMachine)
	if !ok {
		http.NotFound(w, r)
		return
	}
	set(vm, map[string]types.AnyType{"runtime.consolidationNeeded": true})
}

func renameSnapshot(c *call) (interface{}, types.BaseMethodFault) {
	asked, vm := c.Body.(*types.RenameSnapshot), machineOf(c.This)
	node, _ := findNode(vm.Snapshot.RootSnapshotList, c.This, nil)
	if node == nil {
		return nil, &types.ManagedObjectNotFound{Obj: c.This}
	}
	simulator.Map.WithLock(vm, func() {
		if asked.Name != "" {
			node.Name = asked.Name
		}
		if asked.Description != "" {
			node.Description = asked.Description
		}
	})
	set(vm, map[string]types.AnyType{"snapshot.rootSnapshotList": vm.Snapshot.RootSnapshotList})
	return &types.RenameSnapshotResponse{}, nil
}
