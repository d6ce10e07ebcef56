package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// thin are the datastore paths of disks that were made thin here.
var thin sync.Map

func storageHandlers() map[string]handler {
	return map[string]handler{
		"SearchDatastore_Task":           mends(describe),
		"SearchDatastoreSubFolders_Task": mends(describe),
		"ZeroFillVirtualDisk_Task":       answers(zeroFill),
		"RemoveDatastore":                answers(removeDatastore),
		"RefreshDatastore":               answers(refreshDatastore),
	}
}

// describe has searches tell how large disks are, which the simulator does not.
func describe(c *call) func(types.AnyType) {
	return func(result types.AnyType) {
		switch found := result.(type) {
		case types.HostDatastoreBrowserSearchResults:
			describeFiles(found)
		case types.ArrayOfHostDatastoreBrowserSearchResults:
			for _, each := range found.HostDatastoreBrowserSearchResults {
				describeFiles(each)
			}
		}
	}
}

func describeFiles(found types.HostDatastoreBrowserSearchResults) {
	folder := strings.TrimSuffix(found.FolderPath, "/")
	if !strings.HasSuffix(folder, "]") && !strings.HasSuffix(folder, "] ") {
		folder += "/"
	} else {
		folder = strings.TrimSuffix(folder, " ") + " "
	}
	folder = strings.Replace(folder, "] /", "] ", 1)
	for _, each := range found.File {
		disk, ok := each.(*types.VmDiskFileInfo)
		if !ok {
			continue
		}
		name := folder + disk.Path
		disk.CapacityKb = capacityOf(name)
		_, isThin := thin.Load(name)
		disk.Thin = &isThin
	}
}

// capacityOf is the size of a disk in KiB: that of one made by itself, or one that a guest was made with.
func capacityOf(name string) int64 {
	if size, known := capacities.Load(name); known {
		return size.(int64)
	}
	for _, each := range simulator.Map.All("VirtualMachine") {
		for _, device := range each.(*simulator.VirtualMachine).Config.Hardware.Device {
			disk, ok := device.(*types.VirtualDisk)
			if !ok {
				continue
			}
			backing, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
			if ok && backing.FileName == name {
				return disk.CapacityInKB
			}
		}
	}
	return 0
}

// zeroFill overwrites the data of a disk with zeros.
func zeroFill(c *call) (interface{}, types.BaseMethodFault) {
	asked := c.Body.(*types.ZeroFillVirtualDisk_Task)
	task := simulator.CreateTask(simulator.Map.Get(c.This), "zeroFillVirtualDisk", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		data := strings.TrimSuffix(fileOf(asked.Name, asked.Datacenter), ".vmdk") + "-flat.vmdk"
		found, err := os.Stat(data)
		if err != nil {
			return nil, &types.FileNotFound{FileFault: types.FileFault{File: asked.Name}}
		}
		if err := os.WriteFile(data, make([]byte, found.Size()), 0600); err != nil {
			return nil, &types.FileFault{File: asked.Name}
		}
		thin.Delete(asked.Name)
		return nil, nil
	})
	return &types.ZeroFillVirtualDisk_TaskResponse{Returnval: task.Run()}, nil
}

// removeDatastore takes a datastore from its host; one with guests on it stays.
func removeDatastore(c *call) (interface{}, types.BaseMethodFault) {
	asked := c.Body.(*types.RemoveDatastore)
	system, ok := simulator.Map.Get(c.This).(*simulator.HostDatastoreSystem)
	store, known := simulator.Map.Get(asked.Datastore).(*simulator.Datastore)
	if !ok || !known {
		return nil, &types.NotFound{}
	}
	if len(store.Vm) > 0 {
		return nil, &types.ResourceInUse{Type: store.Self.Type, Name: store.Name}
	}
	store.DestroyTask(c.context(), &types.Destroy_Task{This: store.Self})
	system.Datastore = without(system.Datastore, store.Self)
	system.Host.Datastore = without(system.Host.Datastore, store.Self)
	switch parent := simulator.Map.Get(*system.Host.Parent).(type) {
	case *mo.ComputeResource:
		parent.Datastore = without(parent.Datastore, store.Self)
	case *simulator.ClusterComputeResource:
		parent.Datastore = without(parent.Datastore, store.Self)
	}
	return &types.RemoveDatastoreResponse{}, nil
}

// refreshDatastore answers, which the simulator forgets.
func refreshDatastore(c *call) (interface{}, types.BaseMethodFault) {
	store, ok := simulator.Map.Get(c.This).(*simulator.Datastore)
	if !ok {
		return nil, &types.NotFound{}
	}
	if fault := refused(store.RefreshDatastore(c.Body.(*types.RefreshDatastore))); fault != nil {
		return nil, fault
	}
	return &types.RefreshDatastoreResponse{}, nil
}

func without(list []types.ManagedObjectReference, gone types.ManagedObjectReference) []types.ManagedObjectReference {
	kept := []types.ManagedObjectReference{}
	for _, each := range list {
		if each != gone {
			kept = append(kept, each)
		}
	}
	return kept
}

// folder serves files of datastores to those who are logged in, which the simulator does not ask. The next transfer
// goes wrong in the way that a test has chosen: "room" takes 1 MiB and refuses the rest, "stall" stops taking or sending
// after as much, "cut" hangs up after half of what it announced, a number is the status of a refusal.
type folder struct {
	lock    sync.Mutex
	trouble string
	release chan struct{}
}

const room = 1 << 20

func (f *folder) serveTrouble(w http.ResponseWriter, r *http.Request) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.release != nil {
		close(f.release)
	}
	f.trouble, f.release = r.URL.Query().Get("kind"), make(chan struct{})
}

func (f *folder) next() (string, chan struct{}) {
	f.lock.Lock()
	defer f.lock.Unlock()
	kind := f.trouble
	f.trouble = ""
	return kind, f.release
}

func (f *folder) serve(w http.ResponseWriter, r *http.Request, inner http.Handler) {
	if !known(r, inner) {
		http.Error(w, "no session", http.StatusUnauthorized)
		return
	}
	kind, release := f.next()
	status, _ := strconv.Atoi(kind)
	switch {
	case status != 0:
		w.Header().Set("Connection", "close")
		http.Error(w, "refused", status)
	case kind == "room" && r.Method == http.MethodPut:
		_, _ = io.CopyN(io.Discard, r.Body, room)
		w.Header().Set("Connection", "close")
		http.Error(w, "full", http.StatusInsufficientStorage)
	case kind == "stall":
		if r.Method == http.MethodPut {
			_, _ = io.CopyN(io.Discard, r.Body, room)
		} else {
			w.Header().Set("Content-Length", strconv.Itoa(2*room))
			_, _ = w.Write(make([]byte, room))
			w.(http.Flusher).Flush()
		}
		<-release
	case kind == "cut":
		recorder := httptest.NewRecorder()
		inner.ServeHTTP(recorder, r)
		w.Header().Set("Content-Length", strconv.Itoa(recorder.Body.Len()))
		_, _ = w.Write(recorder.Body.Bytes()[:recorder.Body.Len()/2])
		panic(http.ErrAbortHandler)
	default:
		inner.ServeHTTP(w, r)
	}
}

// known asks the simulator whether a request's cookie is that of a session.
func known(r *http.Request, inner http.Handler) bool {
	const question = `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body>` +
		`<CurrentTime xmlns="urn:vim25"><_this type="ServiceInstance">ServiceInstance</_this></CurrentTime></Body></Envelope>`
	asked := httptest.NewRequest(http.MethodPost, "/sdk", bytes.NewReader([]byte(question)))
	asked.Header["Cookie"] = r.Header["Cookie"]
	recorder := httptest.NewRecorder()
	inner.ServeHTTP(recorder, asked)
	return recorder.Code == http.StatusOK
}
