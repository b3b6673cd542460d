// Plans statements with Vitess's own planner.
//
// A line of JSON comes in for each statement and one goes out:
//
//	{"vschema": {"keyspaces": {..}}, "keyspace": "customer", "query": "select .."}
//	{"plan": {..}} or {"error": ".."}
//
// vindicate's tests compare its plans with these (VITESS_PLANS). With "-bench FILE" it measures
// instead: FILE is what PLAN_LOADS=FILE cargo bench --bench plan has written.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"vitess.io/vitess/go/json2"
	"vitess.io/vitess/go/test/vschemawrapper"
	querypb "vitess.io/vitess/go/vt/proto/query"
	vschemapb "vitess.io/vitess/go/vt/proto/vschema"
	"vitess.io/vitess/go/vt/sqlparser"
	"vitess.io/vitess/go/vt/vtenv"
	"vitess.io/vitess/go/vt/vtgate/planbuilder"
	"vitess.io/vitess/go/vt/vtgate/vindexes"
)

type request struct {
	VSchema  json.RawMessage `json:"vschema"`
	Keyspace string          `json:"keyspace"`
	Query    string          `json:"query"`
}

type reply struct {
	Plan  json.RawMessage `json:"plan,omitempty"`
	Error string          `json:"error,omitempty"`
}

var env = vtenv.NewTestEnv()

// The cluster of the last request: most have the one of the request before.
var known struct {
	key     string
	wrapper *vschemawrapper.VSchemaWrapper
}

func cluster(vschema json.RawMessage, keyspace string) (*vschemawrapper.VSchemaWrapper, error) {
	key := keyspace + string(vschema)
	if key == known.key {
		return known.wrapper, nil
	}
	var source vschemapb.SrvVSchema
	if err := json2.UnmarshalPB(vschema, &source); err != nil {
		return nil, err
	}
	built := vindexes.BuildVSchema(&source, env.Parser())
	wrapper, err := vschemawrapper.NewVschemaWrapper(env, built, planbuilder.TestBuilder)
	if err != nil {
		return nil, err
	}
	if keyspace != "" {
		wrapper.Keyspace = built.Keyspaces[keyspace].Keyspace
		if err := wrapper.Vcursor.SetTarget(keyspace); err != nil {
			return nil, err
		}
	}
	known.key, known.wrapper = key, wrapper
	return wrapper, nil
}

func plan(r request) (out reply) {
	defer func() {
		if fault := recover(); fault != nil {
			known.key = ""
			out = reply{Error: fmt.Sprintf("panic: %v", fault)}
		}
	}()
	wrapper, err := cluster(r.VSchema, r.Keyspace)
	if err != nil {
		return reply{Error: err.Error()}
	}
	built, err := planbuilder.TestBuilder(r.Query, wrapper, wrapper.CurrentDb())
	if err != nil {
		return reply{Error: err.Error()}
	}
	text, err := json.Marshal(built)
	if err != nil {
		return reply{Error: err.Error()}
	}
	return reply{Plan: text}
}

// A set of statements, planned as a whole: cold, and as far as a statement goes whose plan is
// cached (parsed, normalized, printed).
type load struct {
	Name     string          `json:"name"`
	VSchema  json.RawMessage `json:"vschema"`
	Keyspace string          `json:"keyspace"`
	Queries  []string        `json:"queries"`
}

func bench(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var loads []load
	if err := json.Unmarshal(text, &loads); err != nil {
		return err
	}
	for _, l := range loads {
		wrapper, err := cluster(l.VSchema, l.Keyspace)
		if err != nil {
			return err
		}
		for _, query := range l.Queries {
			if _, err := planbuilder.TestBuilder(query, wrapper, l.Keyspace); err != nil {
				return fmt.Errorf("%s: %w", query, err)
			}
		}
		cold := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				for _, query := range l.Queries {
					_, _ = planbuilder.TestBuilder(query, wrapper, l.Keyspace)
				}
			}
		})
		cached := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				for _, query := range l.Queries {
					normalized(query, wrapper, l.Keyspace)
				}
			}
		})
		fmt.Printf("%s, %d statements: cold %v, cached %v\n", l.Name, len(l.Queries), cold, cached)
	}
	return nil
}

func normalized(query string, wrapper *vschemawrapper.VSchemaWrapper, keyspace string) string {
	statement, names, err := env.Parser().Parse2(query)
	if err != nil {
		return ""
	}
	reserved := sqlparser.NewReservedVars("vtg", names)
	binds := map[string]*querypb.BindVariable{}
	result, err := sqlparser.Normalize(statement, reserved, binds, true, keyspace,
		sqlparser.SQLSelectLimitUnset, "", nil, wrapper.GetForeignKeyChecksState(), wrapper)
	if err != nil {
		return ""
	}
	return sqlparser.String(result.AST)
}

func serve() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<28)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for in.Scan() {
		var r request
		if err := json.Unmarshal(in.Bytes(), &r); err != nil {
			_ = out.Encode(reply{Error: err.Error()})
			continue
		}
		_ = out.Encode(plan(r))
	}
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "-bench" {
		testing.Init()
		if err := bench(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	serve()
}
