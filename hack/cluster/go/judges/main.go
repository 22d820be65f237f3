// What tools that do not know us conclude from a workload: kstatus (Flux, Helm), and Argo CD by its own rules and by the
// health scripts that its ConfigMap gives it. Objects come as JSON lines; a line of verdicts goes out for each.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type verdicts struct {
	Kstatus string `json:"kstatus"`
	Argo    string `json:"argo"`
	Script  string `json:"script"`
}

// judges SCRIPTS.json: the data of argocd-cm.
func main() {
	scripts := map[string]string{}
	text, err := os.ReadFile(os.Args[1])
	check(err)
	check(json.Unmarshal(text, &scripts))
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		object := &unstructured.Unstructured{}
		check(object.UnmarshalJSON(lines.Bytes()))
		result, err := status.Compute(object)
		check(err)
		found, err := health.GetResourceHealth(object, nil)
		check(err)
		made, err := run(object, scripts)
		check(err)
		out, err := json.Marshal(verdicts{result.Status.String(), string(found.Status), made})
		check(err)
		fmt.Println(string(out))
	}
	check(lines.Err())
}

// run does what Argo CD does with a health script: only the base and table libraries, or all where the ConfigMap says.
func run(object *unstructured.Unstructured, scripts map[string]string) (string, error) {
	key := "apps_" + object.GetKind()
	script, known := scripts["resource.customizations.health."+key]
	if !known {
		return "", fmt.Errorf("no script for %s", key)
	}
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	if scripts["resource.customizations.useOpenLibs."+key] == "true" {
		state.OpenLibs()
	} else {
		for _, open := range []lua.LGFunction{lua.OpenPackage, lua.OpenBase, lua.OpenTable} {
			state.Push(state.NewFunction(open))
			state.Call(0, 0)
		}
	}
	state.SetGlobal("obj", value(state, object.Object))
	if err := state.DoString(script); err != nil {
		return "", err
	}
	table, good := state.Get(-1).(*lua.LTable)
	if !good {
		return "", fmt.Errorf("the script of %s returned no table", key)
	}
	return table.RawGetString("status").String(), nil
}

func value(state *lua.LState, from any) lua.LValue {
	switch one := from.(type) {
	case map[string]any:
		table := state.NewTable()
		for key, item := range one {
			table.RawSetString(key, value(state, item))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, item := range one {
			table.Append(value(state, item))
		}
		return table
	case string:
		return lua.LString(one)
	case bool:
		return lua.LBool(one)
	case int64:
		return lua.LNumber(one)
	case float64:
		return lua.LNumber(one)
	default:
		return lua.LNil
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
