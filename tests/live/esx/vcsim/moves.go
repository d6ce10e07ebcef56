package main

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

type references = []types.ManagedObjectReference

func moveHandlers(f *front) map[string]handler {
	handlers := map[string]handler{
		"ReconfigVM_Task": mends(emptyAnnotation),
		"RelocateVM_Task": mends(fileElsewhere),
		"MigrateVM_Task":  answers(migrate),
		"CloneVM_Task":    mends(keepSource),
		"UnregisterVM":    mends(keepSettings),
		"RegisterVM_Task": mends(readSettings),
	}
	if !f.center {
		for _, name := range []string{"CloneVM_Task", "RelocateVM_Task", "MigrateVM_Task", "MarkAsTemplate"} {
			handlers[name] = answers(func(*call) (interface{}, types.BaseMethodFault) { return nil, &types.NotSupported{} })
		}
	}
	return handlers
}

var noAnnotation = regexp.MustCompile(`<annotation(>\s*</annotation>|\s*/>)`)

// emptyAnnotation empties an annotation that the specification has empty; the simulator leaves it.
func emptyAnnotation(c *call) func(types.AnyType) {
	if !noAnnotation.Match(c.text) {
		return nil
	}
	vm := c.machine()
	return func(types.AnyType) {
		set(vm, map[string]types.AnyType{"config.annotation": "", "summary.config.annotation": ""})
	}
}

// -- to another host --------------------------------------------------------------------------------------------------

// fileElsewhere has the lists of hosts, pools and datastores name the guest where it went.
func fileElsewhere(c *call) func(types.AnyType) {
	vm := c.machine()
	host, pool, stores := vm.Runtime.Host, vm.ResourcePool, vm.Datastore
	return func(types.AnyType) {
		if now := vm.Runtime.Host; host != nil && now != nil && *now != *host {
			relist(vm.Self, &simulator.Map.Get(*host).(*simulator.HostSystem).Vm, &simulator.Map.Get(*now).(*simulator.HostSystem).Vm)
		}
		if now := vm.ResourcePool; pool != nil && now != nil && *now != *pool {
			from, well := simulator.Map.Get(*pool).(*simulator.ResourcePool)
			to, good := simulator.Map.Get(*now).(*simulator.ResourcePool)
			if well && good {
				relist(vm.Self, &from.Vm, &to.Vm)
			}
		}
		if len(stores) == 1 && len(vm.Datastore) == 1 && stores[0] != vm.Datastore[0] {
			from := simulator.Map.Get(stores[0]).(*simulator.Datastore)
			relist(vm.Self, &from.Vm, &simulator.Map.Get(vm.Datastore[0]).(*simulator.Datastore).Vm)
		}
	}
}

func relist(guest types.ManagedObjectReference, from, to *references) {
	left := references{}
	for _, each := range *from {
		if each != guest {
			left = append(left, each)
		}
	}
	*from = left
	*to = append(*to, guest)
}

func migrate(c *call) (interface{}, types.BaseMethodFault) {
	asked, vm := c.Body.(*types.MigrateVM_Task), c.machine()
	if asked.State != "" && asked.State != vm.Runtime.PowerState {
		return nil, wrong(vm, asked.State)
	}
	after := fileElsewhere(c)
	task := simulator.CreateTask(vm, "migrate", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		changes := map[string]types.AnyType{}
		if asked.Host != nil {
			changes["runtime.host"], changes["summary.runtime.host"] = asked.Host, asked.Host
		}
		if asked.Pool != nil {
			changes["resourcePool"] = asked.Pool
		}
		set(vm, changes)
		after(nil)
		return nil, nil
	})
	return &types.MigrateVM_TaskResponse{Returnval: task.Run()}, nil
}

// -- copies -----------------------------------------------------------------------------------------------------------

// keepSource leaves the disks of a guest that is copied where they are, and gives the copy what the simulator forgets:
// its annotation, its extra settings, the host that was asked for, and for a linked copy disks that stand on the source's.
func keepSource(c *call) func(types.AnyType) {
	vm, asked := c.machine(), c.Body.(*types.CloneVM_Task)
	before := copied(vm.Config)
	linked := asked.Spec.Location.DiskMoveType == string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking)
	restore := func() { set(vm, map[string]types.AnyType{"config.hardware.device": before.Hardware.Device}) }
	return func(result types.AnyType) {
		reference := result.(types.ManagedObjectReference)
		made := simulator.Map.Get(reference).(*simulator.VirtualMachine)
		own := copied(made.Config)
		restore()
		if linked {
			stand(own.Hardware.Device, before.Hardware.Device)
		}
		set(made, map[string]types.AnyType{
			"config.hardware.device":    own.Hardware.Device,
			"config.annotation":         before.Annotation,
			"summary.config.annotation": before.Annotation,
			"config.extraConfig":        merged(before.ExtraConfig, own.ExtraConfig),
		})
		if host := asked.Spec.Location.Host; host != nil && *host != *made.Runtime.Host {
			old := made.Runtime.Host
			set(made, map[string]types.AnyType{"runtime.host": host, "summary.runtime.host": host})
			relist(made.Self, &simulator.Map.Get(*old).(*simulator.HostSystem).Vm, &simulator.Map.Get(*host).(*simulator.HostSystem).Vm)
		}
	}
}

func merged(first, second []types.BaseOptionValue) []types.BaseOptionValue {
	known := map[string]bool{}
	for _, each := range second {
		known[each.GetOptionValue().Key] = true
	}
	all := append([]types.BaseOptionValue{}, second...)
	for _, each := range first {
		if !known[each.GetOptionValue().Key] {
			all = append(all, each)
		}
	}
	return all
}

func stand(copies, sources []types.BaseVirtualDevice) {
	for _, each := range copies {
		disk, ok := each.(*types.VirtualDisk)
		if !ok {
			continue
		}
		for _, other := range sources {
			source, ok := other.(*types.VirtualDisk)
			if ok && source.ControllerKey == disk.ControllerKey && *source.UnitNumber == *disk.UnitNumber {
				parent := source.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
				disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo).Parent = parent
			}
		}
	}
}

// -- files of guests that nobody manages --------------------------------------------------------------------------------

// settings are what the .vmx files of unregistered guests say: the simulator's are empty. The files themselves get
// what tells whose they are.
var settings = map[string]types.VirtualMachineConfigInfo{}
var settingsLock sync.Mutex

func keepSettings(c *call) func(types.AnyType) {
	vm := c.machine()
	config := copied(vm.Config)
	file := vm.Config.Files.VmPathName
	var where object.DatastorePath
	where.FromString(file)
	place := path.Join(folderOf(vm, where.Datastore), where.Path)
	return func(types.AnyType) {
		settingsLock.Lock()
		defer settingsLock.Unlock()
		settings[file] = config
		text := fmt.Sprintf(".encoding = \"UTF-8\"\ndisplayName = %q\nuuid.bios = %q\n", vm.Name, spelled(config.Uuid))
		check(os.WriteFile(place, []byte(text), 0600))
	}
}

// spelled is a UUID as .vmx files have it: bytes, eight and eight.
func spelled(uuid string) string {
	digits, bytes := strings.ReplaceAll(uuid, "-", ""), []string{}
	for at := 0; at+1 < len(digits); at += 2 {
		bytes = append(bytes, digits[at:at+2])
	}
	if len(bytes) != 16 {
		return uuid
	}
	return strings.Join(bytes[:8], " ") + "-" + strings.Join(bytes[8:], " ")
}

func readSettings(c *call) func(types.AnyType) {
	asked := c.Body.(*types.RegisterVM_Task)
	return func(result types.AnyType) {
		made := simulator.Map.Get(result.(types.ManagedObjectReference)).(*simulator.VirtualMachine)
		settingsLock.Lock()
		config, known := settings[asked.Path]
		settingsLock.Unlock()
		if !known {
			return
		}
		config.Name = made.Name
		set(made, map[string]types.AnyType{
			"config":                      config,
			"summary.config.uuid":         config.Uuid,
			"summary.config.annotation":   config.Annotation,
			"summary.config.memorySizeMB": config.Hardware.MemoryMB,
			"summary.config.numCpu":       config.Hardware.NumCPU,
		})
	}
}
