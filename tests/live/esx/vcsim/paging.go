package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// pager gives answers to RetrievePropertiesEx in pages, as servers do: of maxObjects where the client says so, and never
// of more than limit. What is left waits under a token.
type pager struct {
	limit  int
	lock   sync.Mutex
	number int
	left   map[string]page
}

// page is what is left, and how much of it goes into one answer.
type page struct {
	objects [][]byte
	size    int
}

var maxObjects = regexp.MustCompile(`<maxObjects>(\d+)</maxObjects>`)
var wholeObject = regexp.MustCompile(`(?s)<objects>.*?</objects>`)

const opening = `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>`

// retrieve cuts an answer that is too long.
func (p *pager) retrieve(w http.ResponseWriter, c *call) {
	size := p.limit
	if found := maxObjects.FindSubmatch(c.text); found != nil {
		if asked, _ := strconv.Atoi(string(found[1])); asked > 0 && (size == 0 || asked < size) {
			size = asked
		}
	}
	if size == 0 {
		c.pass(w)
		return
	}
	recorder := c.forward()
	objects := wholeObject.FindAll(recorder.Body.Bytes(), -1)
	if recorder.Code != http.StatusOK || len(objects) <= size {
		replay(recorder, w)
		return
	}
	p.send(w, "RetrievePropertiesEx", objects, size)
}

func (p *pager) send(w http.ResponseWriter, name string, objects [][]byte, size int) {
	var out bytes.Buffer
	fmt.Fprintf(&out, `%s<%sResponse xmlns="urn:vim25"><returnval>`, opening, name)
	if len(objects) > size {
		fmt.Fprintf(&out, "<token>%s</token>", p.keep(objects[size:], size))
		objects = objects[:size]
	}
	out.Write(bytes.Join(objects, nil))
	fmt.Fprintf(&out, "</returnval></%sResponse></soapenv:Body></soapenv:Envelope>", name)
	recorder := httptest.NewRecorder()
	recorder.Body = &out
	recorder.Header().Set("Content-Type", "text/xml; charset=utf-8")
	replay(recorder, w)
}

func (p *pager) keep(objects [][]byte, size int) string {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.number++
	token := strconv.Itoa(p.number)
	p.left[token] = page{objects, size}
	return token
}

// next sends the page that a token stands for, or forgets it.
func (p *pager) next(w http.ResponseWriter, c *call) {
	method, err := simulator.UnmarshalBody(types.TypeFunc(), c.text)
	if err != nil {
		c.pass(w)
		return
	}
	c.Method = method
	token, cancelled := "", false
	switch body := method.Body.(type) {
	case *types.ContinueRetrievePropertiesEx:
		token = body.Token
	case *types.CancelRetrievePropertiesEx:
		token, cancelled = body.Token, true
	}
	p.lock.Lock()
	page, known := p.left[token]
	delete(p.left, token)
	p.lock.Unlock()
	switch {
	case !known:
		c.write(w, nil, &types.InvalidProperty{Name: "token"})
	case cancelled:
		c.write(w, &types.CancelRetrievePropertiesExResponse{}, nil)
	default:
		p.send(w, method.Name, page.objects, page.size)
	}
}
