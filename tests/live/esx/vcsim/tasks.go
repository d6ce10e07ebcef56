package main

import (
	"net/http"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// holder keeps tasks running: the simulator's own are done before their call is answered.
type holder struct {
	lock    sync.Mutex
	methods map[string]bool
	release chan struct{}
	tasks   map[string]chan struct{}
}

func newHolder() *holder {
	return &holder{methods: map[string]bool{}, release: make(chan struct{}), tasks: map[string]chan struct{}{}}
}

func (h *holder) holds(method string) bool {
	h.lock.Lock()
	defer h.lock.Unlock()
	return h.methods[method]
}

// hold answers a call with a task that is at 40 per cent until the test lets it go, or somebody cancels it.
func (h *holder) hold(c *call) (interface{}, types.BaseMethodFault) {
	h.lock.Lock()
	delete(h.methods, c.Name)
	release := h.release
	h.lock.Unlock()
	task := h.begin(c, func(cancelled chan struct{}) types.BaseMethodFault {
		select {
		case <-release:
			return nil
		case <-cancelled:
			return &types.RequestCanceled{}
		}
	})
	return &struct {
		Returnval types.ManagedObjectReference `xml:"returnval"`
	}{task}, nil
}

// begin makes a task of a call that runs until wait returns: then the simulator does what was asked, unless there is a
// fault.
func (h *holder) begin(c *call, wait func(cancelled chan struct{}) types.BaseMethodFault) types.ManagedObjectReference {
	cancelled := make(chan struct{})
	object := simulator.Map.Get(c.This)
	name := strings.TrimSuffix(strings.TrimSuffix(c.Name, "_Task"), "VM")
	name = strings.ToLower(name[:1]) + name[1:]
	task := simulator.CreateTask(object, name, func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		if fault := wait(cancelled); fault != nil {
			return nil, fault
		}
		return done(c)
	})
	task.Info.Cancelable = true
	h.lock.Lock()
	h.tasks[task.Self.Value] = cancelled
	h.lock.Unlock()
	set(task, map[string]types.AnyType{"info.progress": int32(40)})
	vm := c.machine()
	if vm != nil {
		set(vm, map[string]types.AnyType{"recentTask": []types.ManagedObjectReference{task.Self}})
	}
	go func() {
		task.Run()
		h.lock.Lock()
		delete(h.tasks, task.Self.Value)
		h.lock.Unlock()
	}()
	return task.Self
}

// done has the simulator do what was asked; the outcome is that of its task.
func done(c *call) (types.AnyType, types.BaseMethodFault) {
	found := taskName.FindSubmatch(c.forward().Body.Bytes())
	if found == nil {
		return nil, &types.InvalidRequest{}
	}
	reference := types.ManagedObjectReference{Type: "Task", Value: string(found[1])}
	inner := simulator.Map.Get(reference).(*simulator.Task)
	if inner.Info.Error != nil {
		return nil, inner.Info.Error.Fault
	}
	return inner.Info.Result, nil
}

// cancel ends a task that is held; the simulator's own have ended.
func (h *holder) cancel(c *call) (interface{}, types.BaseMethodFault) {
	h.lock.Lock()
	defer h.lock.Unlock()
	cancelled, running := h.tasks[c.This.Value]
	if !running {
		return nil, &types.InvalidState{}
	}
	delete(h.tasks, c.This.Value)
	close(cancelled)
	return &types.CancelTaskResponse{}, nil
}

// serveHold has the next call of ?method= make a task that is held; serveRelease lets all go.
func (h *holder) serveHold(w http.ResponseWriter, r *http.Request) {
	h.lock.Lock()
	defer h.lock.Unlock()
	h.methods[r.URL.Query().Get("method")] = true
}

func (h *holder) serveRelease(w http.ResponseWriter, r *http.Request) {
	h.lock.Lock()
	defer h.lock.Unlock()
	close(h.release)
	h.release, h.methods = make(chan struct{}), map[string]bool{}
}
