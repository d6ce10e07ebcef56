// A vSphere server for tests: an ESX host or a vCenter out of govmomi's simulator, with a certificate, a user and a
// password of the caller's. Says its URL on standard output and ends when its standard input does.
//
// Beside what the simulator has, its hosts keep a table of guests that start with them.
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log"
	"net/url"
	"os"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

func main() {
	mode := flag.String("mode", "esx", "esx or vpx")
	guests := flag.Int("guests", 2, "guests of a host, or of a cluster's resource pool")
	folder := flag.Int("folder", 0, "folders, each with a data centre inside (vpx)")
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
	model.Service.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	model.Service.Listen = &url.URL{
		Host: "127.0.0.1:0",
		User: url.UserPassword(os.Getenv("VCSIM_USER"), os.Getenv("VCSIM_PASSWORD")),
	}
	log.SetOutput(io.Discard)
	server := model.Service.NewServer()
	fmt.Printf("https://%s/sdk\n", server.URL.Host)
	_, _ = io.Copy(io.Discard, os.Stdin)
	server.Close()
	model.Remove()
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

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
