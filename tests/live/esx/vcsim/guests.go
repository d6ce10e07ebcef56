package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"os"
	"path"
	"reflect"
	"strings"
	"sync"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

func kindOf(value interface{}) string {
	return reflect.TypeOf(value).Elem().Name()
}

// inside is what the simulated guests would have noticed; tests read it at /tests/guest.
type inside struct {
	Boots      int      `json:"boots"`
	Interrupts int      `json:"interrupts"`
	Keys       []key    `json:"keys"`
	Answers    []string `json:"answers"`
	Tickets    []string `json:"tickets"`
	start      *types.VirtualMachineQuestionInfo
	answered   chan string
}

type key struct {
	Code      int32    `json:"code"`
	Modifiers []string `json:"modifiers"`
}

var (
	insideLock sync.Mutex
	insides    = map[string]*inside{}
)

func noticed(guest string, change func(*inside)) {
	insideLock.Lock()
	defer insideLock.Unlock()
	if insides[guest] == nil {
		insides[guest] = &inside{Keys: []key{}, Answers: []string{}, Tickets: []string{}}
	}
	change(insides[guest])
}

func guestHandlers(f *front) map[string]handler {
	return map[string]handler{
		"RebootGuest":           needsPower(rebootGuest),
		"StandbyGuest":          needsPower(standbyGuest),
		"SendNMI":               needsPower(sendNMI),
		"PutUsbScanCodes":       needsPower(putScanCodes),
		"AcquireTicket":         needsPower(acquireTicket),
		"CreateScreenshot_Task": needsPower(createScreenshot),
		"AnswerVM":              answers(answerGuest),
		"PowerOnVM_Task":        f.powerOn,
	}
}

// rebootGuest restarts at once: a guest whose tools do what they are asked.
func rebootGuest(c *call, vm *simulator.VirtualMachine) (interface{}, types.BaseMethodFault) {
	var fault types.BaseMethodFault
	simulator.Map.WithLock(vm, func() {
		fault = refused(vm.ResetVMTask(c.context(), &types.ResetVM_Task{This: vm.Self}))
	})
	noticed(vm.Self.Value, func(guest *inside) { guest.Boots++ })
	return &types.RebootGuestResponse{}, fault
}

// standbyGuest sleeps as the guest's power options say: its memory goes to disk (checkpoint, the default), or it stays
// on and sleeps inside (powerOnSuspend).
func standbyGuest(c *call, vm *simulator.VirtualMachine) (interface{}, types.BaseMethodFault) {
	set(vm, map[string]types.AnyType{"guest.guestState": "standby"})
	if vm.Config.DefaultPowerOps.StandbyAction == string(types.VirtualMachineStandbyActionTypePowerOnSuspend) {
		return &types.StandbyGuestResponse{}, nil
	}
	var fault types.BaseMethodFault
	simulator.Map.WithLock(vm, func() {
		fault = refused(vm.SuspendVMTask(c.context(), &types.SuspendVM_Task{This: vm.Self}))
	})
	return &types.StandbyGuestResponse{}, fault
}

func sendNMI(c *call, vm *simulator.VirtualMachine) (interface{}, types.BaseMethodFault) {
	noticed(vm.Self.Value, func(guest *inside) { guest.Interrupts++ })
	return &types.SendNMIResponse{}, nil
}

const keyboard = 7 // the usage page of keyboards, in the lower half of a code

func putScanCodes(c *call, vm *simulator.VirtualMachine) (interface{}, types.BaseMethodFault) {
	events := c.Body.(*types.PutUsbScanCodes).Spec.KeyEvents
	typed := []key{}
	for _, event := range events {
		if event.UsbHidCode&0xffff != keyboard {
			return nil, &types.InvalidArgument{InvalidProperty: "spec.keyEvents.usbHidCode"}
		}
		typed = append(typed, key{Code: event.UsbHidCode >> 16, Modifiers: modifiers(event.Modifiers)})
	}
	noticed(vm.Self.Value, func(guest *inside) { guest.Keys = append(guest.Keys, typed...) })
	return &types.PutUsbScanCodesResponse{Returnval: int32(len(typed))}, nil
}

func modifiers(held *types.UsbScanCodeSpecModifierType) []string {
	found := []string{}
	if held == nil {
		return found
	}
	value := reflect.ValueOf(*held)
	for i := 0; i < value.NumField(); i++ {
		if flag, ok := value.Field(i).Interface().(*bool); ok && flag != nil && *flag {
			name := value.Type().Field(i).Name
			found = append(found, strings.ToLower(name[:1])+name[1:])
		}
	}
	return found
}

func acquireTicket(c *call, vm *simulator.VirtualMachine) (interface{}, types.BaseMethodFault) {
	kind := c.Body.(*types.AcquireTicket).TicketType
	secret := make([]byte, 16)
	_, err := rand.Read(secret)
	check(err)
	ticket := types.VirtualMachineTicket{Ticket: hex.EncodeToString(secret), CfgFile: vm.Config.Files.VmPathName}
	switch kind {
	case "webmks":
		ticket.Host, ticket.Port, ticket.SslThumbprint = "127.0.0.1", 443, strings.Repeat("AB:", 19)+"AB"
		ticket.Url = "wss://127.0.0.1:443/ticket/" + ticket.Ticket
	case "mks":
		ticket.Host, ticket.Port, ticket.SslThumbprint = "127.0.0.1", 902, strings.Repeat("AB:", 19)+"AB"
	default:
		return nil, &types.InvalidArgument{InvalidProperty: "ticketType"}
	}
	noticed(vm.Self.Value, func(guest *inside) { guest.Tickets = append(guest.Tickets, ticket.Ticket) })
	return &types.AcquireTicketResponse{Returnval: ticket}, nil
}

// -- pictures ---------------------------------------------------------------------------------------------------------

// shown is what a guest shows: a surface of one colour, another after each boot.
func shown(guest string) image.Image {
	boots := 0
	noticed(guest, func(known *inside) { boots = known.Boots })
	picture := image.NewRGBA(image.Rect(0, 0, 320, 200))
	for at := 0; at < len(picture.Pix); at += 4 {
		picture.Pix[at+1], picture.Pix[at+2], picture.Pix[at+3] = byte(40*boots), 128, 255
	}
	picture.Set(0, 0, color.White)
	return picture
}

// serveScreen is the page /screen?id=vm-1 of a host, for those who give their name and password with the request.
func (f *front) serveScreen(w http.ResponseWriter, r *http.Request) {
	user, password, given := r.BasicAuth()
	if f.center {
		http.NotFound(w, r)
		return
	}
	if !given || user != os.Getenv("VCSIM_USER") || password != os.Getenv("VCSIM_PASSWORD") {
		w.Header().Set("WWW-Authenticate", `Basic realm="VMware HTTP server"`)
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	guest := r.URL.Query().Get("id")
	found := simulator.Map.Get(types.ManagedObjectReference{Type: "VirtualMachine", Value: guest})
	vm, ok := found.(*simulator.VirtualMachine)
	if !ok || vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	check(png.Encode(w, shown(guest)))
}

// createScreenshot puts the picture beside the guest's files.
func createScreenshot(c *call, vm *simulator.VirtualMachine) (interface{}, types.BaseMethodFault) {
	task := simulator.CreateTask(vm, "createScreenshot", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		var where object.DatastorePath
		where.FromString(vm.Config.Files.VmPathName)
		where.Path = path.Join(path.Dir(where.Path), vm.Self.Value+"-1.png")
		file, err := os.Create(path.Join(folderOf(vm, where.Datastore), where.Path))
		if err != nil {
			return nil, &types.CannotCreateFile{FileFault: types.FileFault{File: where.String()}}
		}
		defer file.Close()
		check(png.Encode(file, shown(vm.Self.Value)))
		return where.String(), nil
	})
	return &types.CreateScreenshot_TaskResponse{Returnval: task.Run()}, nil
}

// folderOf is the directory that one of a guest's datastores is.
func folderOf(vm *simulator.VirtualMachine, name string) string {
	for _, each := range vm.Datastore {
		store := simulator.Map.Get(each).(*simulator.Datastore)
		if store.Name == name {
			return store.Info.GetDatastoreInfo().Url
		}
	}
	return ""
}

// -- questions --------------------------------------------------------------------------------------------------------

func answerGuest(c *call) (interface{}, types.BaseMethodFault) {
	asked, vm := c.Body.(*types.AnswerVM), c.machine()
	question := vm.Runtime.Question
	if question == nil || question.Id != asked.QuestionId {
		return nil, &types.ConcurrentAccess{}
	}
	for _, each := range question.Choice.ChoiceInfo {
		if each.GetElementDescription().Key != asked.AnswerChoice {
			continue
		}
		set(vm, map[string]types.AnyType{"runtime.question": nil})
		var waiting chan string
		noticed(vm.Self.Value, func(guest *inside) {
			guest.Answers = append(guest.Answers, asked.AnswerChoice)
			waiting, guest.answered = guest.answered, nil
		})
		if waiting != nil {
			waiting <- asked.AnswerChoice
		}
		return &types.AnswerVMResponse{}, nil
	}
	return nil, &types.InvalidArgument{InvalidProperty: "answerChoice"}
}

// powerOn starts a guest. Where it runs into a question, its task goes on when somebody has answered; key 0 ends it.
func (f *front) powerOn(c *call) (interface{}, types.BaseMethodFault, func(types.AnyType)) {
	vm := c.machine()
	if question, answered := asks(vm); question != nil {
		set(vm, map[string]types.AnyType{"runtime.question": *question})
		task := f.holder.begin(c, func(cancelled chan struct{}) types.BaseMethodFault {
			select {
			case choice := <-answered:
				if choice == "0" {
					return &types.InvalidState{}
				}
				booted(vm)
				return nil
			case <-cancelled:
				set(vm, map[string]types.AnyType{"runtime.question": nil})
				return &types.RequestCanceled{}
			}
		})
		return &types.PowerOnVM_TaskResponse{Returnval: task}, nil, nil
	}
	return nil, nil, func(types.AnyType) { booted(vm) }
}

func booted(vm *simulator.VirtualMachine) {
	noticed(vm.Self.Value, func(guest *inside) { guest.Boots++ })
	if vm.Guest != nil && vm.Guest.GuestState == "standby" {
		set(vm, map[string]types.AnyType{"guest.guestState": "running"})
	}
}

// asks is what a guest asks at this start, and where its answer will come.
func asks(vm *simulator.VirtualMachine) (question *types.VirtualMachineQuestionInfo, answered chan string) {
	noticed(vm.Self.Value, func(guest *inside) {
		question, guest.start = guest.start, nil
		if question != nil {
			answered = make(chan string, 1)
			guest.answered = answered
		}
	})
	return
}

// -- what tests do ----------------------------------------------------------------------------------------------------

type wanted struct {
	Text    string   `json:"text"`
	Choices []string `json:"choices"`
	Default int32    `json:"default"`
	Start   bool     `json:"start"`
}

// serveQuestion has a guest ask, now or at its next start.
func serveQuestion(w http.ResponseWriter, r *http.Request) {
	vm, ok := simulator.Map.Get(types.ManagedObjectReference{
		Type: "VirtualMachine", Value: r.URL.Query().Get("id"),
	}).(*simulator.VirtualMachine)
	var asks wanted
	if err := json.NewDecoder(r.Body).Decode(&asks); err != nil || !ok {
		http.Error(w, "no guest, or no question", http.StatusBadRequest)
		return
	}
	question := types.VirtualMachineQuestionInfo{Id: "7", Text: asks.Text}
	for number, words := range asks.Choices {
		question.Choice.ChoiceInfo = append(question.Choice.ChoiceInfo, &types.ElementDescription{
			Description: types.Description{Label: words, Summary: words}, Key: fmt.Sprint(number),
		})
	}
	question.Choice.DefaultIndex = asks.Default
	if asks.Start {
		noticed(vm.Self.Value, func(guest *inside) { guest.start = &question })
		return
	}
	set(vm, map[string]types.AnyType{"runtime.question": question})
}

// serveGuest tells what a guest has noticed.
func serveGuest(w http.ResponseWriter, r *http.Request) {
	noticed(r.URL.Query().Get("id"), func(guest *inside) { check(json.NewEncoder(w).Encode(guest)) })
}
