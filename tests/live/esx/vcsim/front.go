package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// A call that a client makes: what it asks, of which object, and how it came.
type call struct {
	*simulator.Method
	front *front
	http  *http.Request
	text  []byte
}

// handler stands in for the simulator where it knows a call not at all, or wrongly. What it returns as response or
// fault is the answer; when it returns neither, the simulator is asked, and after is done once that went well, with the
// result of the task.
type handler func(*call) (response interface{}, fault types.BaseMethodFault, after func(types.AnyType))

// answers makes a handler that answers by itself.
func answers(answer func(*call) (interface{}, types.BaseMethodFault)) handler {
	return func(c *call) (interface{}, types.BaseMethodFault, func(types.AnyType)) {
		response, fault := answer(c)
		return response, fault, nil
	}
}

// mends makes a handler that leaves the answer to the simulator; before is done first, and what it returns afterwards.
func mends(before func(*call) func(types.AnyType)) handler {
	return func(c *call) (interface{}, types.BaseMethodFault, func(types.AnyType)) {
		return nil, nil, before(c)
	}
}

// front stands before the simulator: it answers what it has stand-ins for and passes everything else on.
type front struct {
	simulator http.Handler
	center    bool
	handlers  map[string]handler
	pager     *pager
	pages     map[string]http.HandlerFunc
	holder    *holder
	files     *folder
}

var methodName = regexp.MustCompile(`<(?:\w+:)?Body[^>]*>\s*<(?:\w+:)?(\w+)`)
var taskName = regexp.MustCompile(`<returnval type="Task">([^<]+)</returnval>`)

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if page, ok := f.pages[r.URL.Path]; ok {
		page(w, r)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/folder/") {
		f.files.serve(w, r, f.simulator)
		return
	}
	if r.Method != http.MethodPost {
		f.simulator.ServeHTTP(w, r)
		return
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	name := ""
	if found := methodName.FindSubmatch(text); found != nil {
		name = string(found[1])
	}
	made := &call{front: f, http: r, text: text}
	switch name {
	case "RetrievePropertiesEx":
		f.pager.retrieve(w, made)
	case "ContinueRetrievePropertiesEx", "CancelRetrievePropertiesEx":
		f.pager.next(w, made)
	default:
		f.answer(w, made, name)
	}
}

// newFront makes the whole server of a simulator's handler.
func newFront(inner http.Handler, center bool, limit int) *front {
	f := &front{simulator: inner, center: center, holder: newHolder(), files: &folder{}, handlers: map[string]handler{}}
	f.pager = &pager{limit: limit, left: map[string]page{}}
	for _, more := range []map[string]handler{guestHandlers(f), snapshotHandlers(), moveHandlers(f), diskHandlers(), storageHandlers(), networkHandlers()} {
		for name, each := range more {
			f.handlers[name] = each
		}
	}
	f.handlers["CancelTask"] = answers(f.holder.cancel)
	f.pages = map[string]http.HandlerFunc{
		"/screen":          f.serveScreen,
		"/tests/question":  serveQuestion,
		"/tests/guest":     serveGuest,
		"/tests/leftovers": serveLeftovers,
		"/tests/hold":      f.holder.serveHold,
		"/tests/release":   f.holder.serveRelease,
		"/tests/folder":    f.files.serveTrouble,
	}
	return f
}

func (f *front) answer(w http.ResponseWriter, c *call, name string) {
	handle, ok := f.handlers[name]
	if f.holder.holds(name) {
		handle, ok = answers(f.holder.hold), true
	}
	if !ok {
		c.pass(w)
		return
	}
	method, err := simulator.UnmarshalBody(types.TypeFunc(), c.text)
	if err != nil {
		c.pass(w) // the simulator says what is wrong with it
		return
	}
	c.Method = method
	if !c.loggedIn() {
		missing := types.NoPermission{Object: c.This, PrivilegeId: "System.View"}
		c.write(w, nil, &types.NotAuthenticated{NoPermission: missing})
		return
	}
	if simulator.Map.Get(c.This) == nil && c.This.Type != "PropertyCollector" {
		c.write(w, nil, &types.ManagedObjectNotFound{Obj: c.This})
		return
	}
	response, fault, after := handle(c)
	if response != nil || fault != nil {
		c.write(w, response, fault)
		return
	}
	recorder := c.forward()
	if result, well := outcome(recorder); well && after != nil {
		after(result)
	}
	replay(recorder, w)
}

// pass hands a call to the simulator, which answers the client itself.
func (c *call) pass(w http.ResponseWriter) {
	request := c.http.Clone(context.Background())
	request.Body = io.NopCloser(bytes.NewReader(c.text))
	c.front.simulator.ServeHTTP(w, request)
}

// forward hands a call to the simulator and brings its answer.
func (c *call) forward() *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	c.pass(recorder)
	return recorder
}

func replay(recorder *httptest.ResponseRecorder, w http.ResponseWriter) {
	for key, values := range recorder.Header() {
		w.Header()[key] = values
	}
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(recorder.Body.Bytes())
}

// outcome is the result of the task that an answer names, which the simulator has done by then, and whether it went well.
func outcome(recorder *httptest.ResponseRecorder) (types.AnyType, bool) {
	if recorder.Code != http.StatusOK {
		return nil, false
	}
	found := taskName.FindSubmatch(recorder.Body.Bytes())
	if found == nil {
		return nil, true
	}
	task, ok := simulator.Map.Get(types.ManagedObjectReference{Type: "Task", Value: string(found[1])}).(*simulator.Task)
	if !ok || task.Info.State != types.TaskInfoStateSuccess {
		return nil, false
	}
	return task.Info.Result, true
}

// loggedIn asks the simulator whether it knows who calls.
func (c *call) loggedIn() bool {
	const question = `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body>` +
		`<CurrentTime xmlns="urn:vim25"><_this type="ServiceInstance">ServiceInstance</_this></CurrentTime></Body></Envelope>`
	asked := c.http.Clone(context.Background())
	asked.Body = io.NopCloser(bytes.NewReader([]byte(question)))
	recorder := httptest.NewRecorder()
	c.front.simulator.ServeHTTP(recorder, asked)
	return recorder.Code == http.StatusOK
}

// context is what methods of the simulator's want to be called with.
func (c *call) context() *simulator.Context {
	session := &simulator.Session{Registry: simulator.NewRegistry()}
	session.UserName = "tests"
	return &simulator.Context{Context: context.Background(), Session: session, Caller: &c.This, Map: simulator.Map}
}

// machine is the guest that a call is about; nil when there is none.
func (c *call) machine() *simulator.VirtualMachine {
	found, _ := simulator.Map.Get(c.This).(*simulator.VirtualMachine)
	return found
}

type envelope struct {
	XMLName xml.Name    `xml:"soapenv:Envelope"`
	Soap    string      `xml:"xmlns:soapenv,attr"`
	XSD     string      `xml:"xmlns:xsd,attr"`
	XSI     string      `xml:"xmlns:xsi,attr"`
	Body    interface{} `xml:"soapenv:Body"`
}

type named struct {
	name  string
	space string
	value interface{}
}

// MarshalXML writes the value as the one child of the body, under its own name.
func (n named) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	inner := xml.StartElement{Name: xml.Name{Space: n.space, Local: n.name}}
	if err := e.EncodeElement(n.value, inner); err != nil {
		return err
	}
	return e.EncodeToken(start.End())
}

type faultText struct {
	Code   string      `xml:"faultcode"`
	String string      `xml:"faultstring"`
	Detail faultDetail `xml:"detail"`
}

type faultDetail struct{ fault types.BaseMethodFault }

// MarshalXML writes a fault under its type's name.
func (d faultDetail) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	kind := kindOf(d.fault)
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	inner := xml.StartElement{Name: xml.Name{Local: kind + "Fault"}, Attr: []xml.Attr{
		{Name: xml.Name{Local: "xmlns"}, Value: "urn:vim25"},
		{Name: xml.Name{Local: "xsi:type"}, Value: kind},
	}}
	if err := e.EncodeElement(d.fault, inner); err != nil {
		return err
	}
	return e.EncodeToken(start.End())
}

// write sends a response, or a fault.
func (c *call) write(w http.ResponseWriter, response interface{}, fault types.BaseMethodFault) {
	body := named{name: c.Name + "Response", space: "urn:vim25", value: response}
	status := http.StatusOK
	if fault != nil {
		text := faultText{Code: "ServerFaultCode", String: fmt.Sprintf("%s refused", c.Name), Detail: faultDetail{fault}}
		body = named{name: "soapenv:Fault", value: text}
		status = http.StatusInternalServerError
	}
	var out bytes.Buffer
	_, _ = out.WriteString(xml.Header)
	check(xml.NewEncoder(&out).Encode(&envelope{
		Soap: "http://schemas.xmlsoap.org/soap/envelope/",
		XSD:  "http://www.w3.org/2001/XMLSchema",
		XSI:  "http://www.w3.org/2001/XMLSchema-instance",
		Body: body,
	}))
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}

// wrong is the fault for a guest in a state that the call is not for.
func wrong(vm *simulator.VirtualMachine, wanted types.VirtualMachinePowerState) types.BaseMethodFault {
	return &types.InvalidPowerState{RequestedState: wanted, ExistingState: vm.Runtime.PowerState}
}

// needsPower makes a stand-in for a call about a guest that runs.
func needsPower(answer func(*call, *simulator.VirtualMachine) (interface{}, types.BaseMethodFault)) handler {
	return answers(func(c *call) (interface{}, types.BaseMethodFault) {
		vm := c.machine()
		if vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn {
			return nil, wrong(vm, types.VirtualMachinePowerStatePoweredOn)
		}
		return answer(c, vm)
	})
}

// set changes properties of an object, for those too who wait for that.
func set(object interface {
	Reference() types.ManagedObjectReference
}, values map[string]types.AnyType) {
	changes := []types.PropertyChange{}
	for name, value := range values {
		changes = append(changes, types.PropertyChange{Name: name, Val: value})
	}
	simulator.Map.WithLock(object, func() { simulator.Map.Update(object, changes) })
}

// refused is what a call of a method of the simulator's ended with; nil when it went well.
func refused(answer soap.HasFault) types.BaseMethodFault {
	if answer.Fault() == nil {
		return nil
	}
	return answer.Fault().VimFault().(types.BaseMethodFault)
}
