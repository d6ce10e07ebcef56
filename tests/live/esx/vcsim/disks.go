package main

import (
	"os"
	"path"
	"strings"
	"sync"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// capacities are the sizes in KiB of disks that were made here, by datastore path: the simulator's files are empty.
var capacities sync.Map

func diskHandlers() map[string]handler {
	return map[string]handler{
		"CreateVirtualDisk_Task": mends(func(c *call) func(types.AnyType) {
			asked := c.Body.(*types.CreateVirtualDisk_Task)
			return func(types.AnyType) {
				if spec, ok := asked.Spec.(*types.FileBackedVirtualDiskSpec); ok {
					capacities.Store(asked.Name, spec.CapacityKb)
					if spec.DiskType == string(types.VirtualDiskTypeThin) {
						thin.Store(asked.Name, true)
					}
				}
			}
		}),
		"CopyVirtualDisk_Task": mends(func(c *call) func(types.AnyType) {
			asked := c.Body.(*types.CopyVirtualDisk_Task)
			return func(types.AnyType) { carry(asked.SourceName, asked.DestName) }
		}),
		"MoveVirtualDisk_Task": mends(func(c *call) func(types.AnyType) {
			asked := c.Body.(*types.MoveVirtualDisk_Task)
			return func(types.AnyType) {
				carry(asked.SourceName, asked.DestName)
				capacities.Delete(asked.SourceName)
			}
		}),
		"DeleteVirtualDisk_Task": mends(func(c *call) func(types.AnyType) {
			asked := c.Body.(*types.DeleteVirtualDisk_Task)
			return func(types.AnyType) {
				capacities.Delete(asked.Name)
				thin.Delete(asked.Name)
			}
		}),
		"ExtendVirtualDisk_Task": answers(extend),
	}
}

func carry(from, to string) {
	if size, known := capacities.Load(from); known {
		capacities.Store(to, size)
	}
}

// extend makes a disk larger, never smaller; a guest that has it sees that.
func extend(c *call) (interface{}, types.BaseMethodFault) {
	asked := c.Body.(*types.ExtendVirtualDisk_Task)
	task := simulator.CreateTask(simulator.Map.Get(c.This), "extendVirtualDisk", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		if _, err := os.Stat(fileOf(asked.Name, asked.Datacenter)); err != nil {
			return nil, &types.FileNotFound{FileFault: types.FileFault{File: asked.Name}}
		}
		size, known := capacities.Load(asked.Name)
		if known && size.(int64) > asked.NewCapacityKb {
			return nil, &types.InvalidArgument{InvalidProperty: "newCapacityKb"}
		}
		capacities.Store(asked.Name, asked.NewCapacityKb)
		for _, each := range simulator.Map.All("VirtualMachine") {
			grow(each.(*simulator.VirtualMachine), asked.Name, asked.NewCapacityKb)
		}
		return nil, nil
	})
	return &types.ExtendVirtualDisk_TaskResponse{Returnval: task.Run()}, nil
}

func grow(vm *simulator.VirtualMachine, name string, size int64) {
	for _, each := range vm.Config.Hardware.Device {
		disk, ok := each.(*types.VirtualDisk)
		if !ok {
			continue
		}
		backing, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
		if ok && backing.FileName == name {
			disk.CapacityInKB, disk.CapacityInBytes = size, size<<10
			set(vm, map[string]types.AnyType{"config.hardware.device": vm.Config.Hardware.Device})
		}
	}
}

// fileOf is where the file of a datastore path is; of datastores of one name, that of the data centre.
func fileOf(name string, datacenter *types.ManagedObjectReference) string {
	var where object.DatastorePath
	where.FromString(name)
	for _, each := range simulator.Map.All("Datastore") {
		store := each.(*simulator.Datastore)
		if store.Name == where.Datastore && (datacenter == nil || within(store, *datacenter)) {
			return path.Join(store.Info.GetDatastoreInfo().Url, strings.TrimPrefix(where.Path, "/"))
		}
	}
	return ""
}

func within(store *simulator.Datastore, datacenter types.ManagedObjectReference) bool {
	for above := store.Parent; above != nil; {
		if *above == datacenter {
			return true
		}
		entity, ok := simulator.Map.Get(*above).(mo.Entity)
		if !ok {
			return false
		}
		above = entity.Entity().Parent
	}
	return false
}
