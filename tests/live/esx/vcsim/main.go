// A vSphere server for tests: an ESX host or a vCenter out of govmomi's simulator, with a certificate, a user and a
// password of the caller's. Says its URL on standard output and ends when its standard input does.
//
// In front of the simulator stands a small server of our own (front.go). It answers what the simulator lacks and mends
// what it gets wrong, in the shapes that the vSphere Web Services SDK documents, on the simulator's own objects: a
// reboot resets the guest, a snapshot brings its configuration back. Pages under /tests/ are for the tests' hands.
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"

	"github.com/vmware/govmomi/simulator"
)

func main() {
	mode := flag.String("mode", "esx", "esx or vpx")
	guests := flag.Int("guests", 2, "guests of a host, or of a cluster's resource pool")
	folder := flag.Int("folder", 0, "folders, each with a data centre inside (vpx)")
	limit := flag.Int("page", 0, "objects in one answer of the property collector at most; 0 for all")
	certificate := flag.String("certificate", "", "file with the server's certificate")
	key := flag.String("key", "", "file with its private key")
	flag.Parse()

	model := simulator.ESX()
	if *mode == "vpx" {
		model = simulator.VPX()
		model.Folder = *folder
	}
	model.Machine = *guests
	check(model.Create())
	for _, each := range simulator.Map.All("HostSystem") {
		addStartupTable(each.(*simulator.HostSystem))
	}
	pair, err := tls.LoadX509KeyPair(*certificate, *key)
	check(err)
	model.Service.Listen = &url.URL{
		Host: "127.0.0.1:0",
		User: url.UserPassword(os.Getenv("VCSIM_USER"), os.Getenv("VCSIM_PASSWORD")),
	}
	log.SetOutput(io.Discard)
	inner := model.Service.NewServer()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	secure := tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	server := &http.Server{Handler: newFront(model.Service.ServeMux, *mode == "vpx", *limit)}
	go func() { _ = server.Serve(secure) }()
	fmt.Printf("https://%s/sdk\n", listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = server.Close()
	inner.Close()
	model.Remove()
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
