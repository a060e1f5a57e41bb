// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

var testRules = rules{root: "runtime.main", writer: "writer", parked: "parked", maxFrames: 4096}

// sample makes a profile of the main goroutine in the function leaf, of two goroutines in one place and one in another
// with a label, and of a stack of depth frames, each physical one with an inlined one in it.
func sample(t *testing.T, leaf string, depth int) *profile.Profile {
	t.Helper()
	mapping := &profile.Mapping{ID: 1, Start: 0x400000, Limit: 0x500000, File: "/bin/program", BuildID: "abcd", HasFunctions: true}
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "goroutine", Unit: "count"}},
		PeriodType: &profile.ValueType{Type: "goroutine", Unit: "count"},
		Period:     1, TimeNanos: 1000, Mapping: []*profile.Mapping{mapping},
	}
	functions := map[string]*profile.Function{}
	function := func(name string) *profile.Function {
		if functions[name] == nil {
			f := &profile.Function{ID: uint64(len(p.Function) + 1), Name: name, SystemName: name, Filename: name + ".go", StartLine: 3}
			functions[name] = f
			p.Function = append(p.Function, f)
		}
		return functions[name]
	}
	location := func(names ...string) *profile.Location {
		l := &profile.Location{ID: uint64(len(p.Location) + 1), Mapping: mapping, Address: 0x400000 + uint64(len(p.Location))}
		for i, name := range names {
			l.Line = append(l.Line, profile.Line{Function: function(name), Line: int64(10 + i)})
		}
		p.Location = append(p.Location, l)
		return l
	}
	add := func(n int64, labels map[string][]string, locations ...*profile.Location) {
		p.Sample = append(p.Sample, &profile.Sample{Value: []int64{n}, Label: labels, Location: locations})
	}
	root := location("worker")
	add(1, nil, location(leaf), location("main.main"), location("runtime.main"))
	add(2, nil, location("inlined", "outer"), root)
	add(1, map[string][]string{"key": {"value"}}, location("other"), root)
	add(1, nil)
	var deep []*profile.Location
	for frames := 0; frames+2 <= depth; frames += 2 {
		deep = append(deep, location("small", "recursive"))
	}
	add(1, nil, append(deep, root)...)
	return p
}

// again writes and reads a profile, as the command does.
func again(t *testing.T, p *profile.Profile) *profile.Profile {
	t.Helper()
	var b bytes.Buffer
	if err := p.WriteUncompressed(&b); err != nil {
		t.Fatal(err)
	}
	q, err := profile.ParseData(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestEqualProfilesAreEqual(t *testing.T) {
	theirs, ours := sample(t, "writer", 10), sample(t, "parked", 10)
	ours.TimeNanos++
	for i, j := 0, len(ours.Sample)-1; i < j; i, j = i+1, j-1 {
		ours.Sample[i], ours.Sample[j] = ours.Sample[j], ours.Sample[i]
	}
	if d := compare(again(t, theirs), again(t, ours), testRules); len(d) != 0 {
		t.Errorf("equal profiles differ:\n%s", strings.Join(d, "\n"))
	}
}

func TestEachChangeIsFound(t *testing.T) {
	changes := map[string]func(p *profile.Profile){
		"count":      func(p *profile.Profile) { p.Sample[1].Value[0]++ },
		"count less": func(p *profile.Profile) { p.Sample[1].Value[0]-- },
		"split sample": func(p *profile.Profile) {
			p.Sample[1].Value[0]--
			p.Sample = append(p.Sample, p.Sample[1])
			p.Sample[1].Value[0] = 1
		},
		"missing sample":        func(p *profile.Profile) { p.Sample = p.Sample[:len(p.Sample)-1] },
		"missing empty stack":   func(p *profile.Profile) { p.Sample = append(p.Sample[:3], p.Sample[4:]...) },
		"more of main":          func(p *profile.Profile) { p.Sample[0].Value[0] = 2 },
		"no main":               func(p *profile.Profile) { p.Sample = p.Sample[1:] },
		"main elsewhere":        func(p *profile.Profile) { p.Sample[0].Location[0].Line[0].Function.Name = "running" },
		"label value":           func(p *profile.Profile) { p.Sample[2].Label["key"] = []string{"other"} },
		"label key":             func(p *profile.Profile) { p.Sample[2].Label = map[string][]string{"kez": {"value"}} },
		"label missing":         func(p *profile.Profile) { p.Sample[2].Label = nil },
		"label more":            func(p *profile.Profile) { p.Sample[1].Label = map[string][]string{"gostackdump": {"ambiguous"}} },
		"number label":          func(p *profile.Profile) { p.Sample[1].NumLabel = map[string][]int64{"goid": {7}} },
		"line":                  func(p *profile.Profile) { p.Sample[1].Location[0].Line[1].Line++ },
		"inlined line":          func(p *profile.Profile) { p.Sample[1].Location[0].Line[0].Line-- },
		"function":              func(p *profile.Profile) { p.Sample[2].Location[0].Line[0].Function.Name = "another" },
		"system name":           func(p *profile.Profile) { p.Sample[2].Location[0].Line[0].Function.SystemName = "another" },
		"file":                  func(p *profile.Profile) { p.Sample[2].Location[0].Line[0].Function.Filename = "another.go" },
		"start line":            func(p *profile.Profile) { p.Sample[2].Location[0].Line[0].Function.StartLine++ },
		"missing inlined frame": func(p *profile.Profile) { p.Sample[1].Location[0].Line = p.Sample[1].Location[0].Line[1:] },
		"missing leaf":          func(p *profile.Profile) { p.Sample[1].Location = p.Sample[1].Location[1:] },
		"missing root":          func(p *profile.Profile) { p.Sample[4].Location = p.Sample[4].Location[:len(p.Sample[4].Location)-1] },
		"address":               func(p *profile.Profile) { p.Sample[1].Location[0].Address++ },
		"mapping of a location": func(p *profile.Profile) { p.Sample[1].Location[0].Mapping = nil },
		"mapping start":         func(p *profile.Profile) { p.Mapping[0].Start-- },
		"mapping limit":         func(p *profile.Profile) { p.Mapping[0].Limit++ },
		"mapping offset":        func(p *profile.Profile) { p.Mapping[0].Offset++ },
		"mapping file":          func(p *profile.Profile) { p.Mapping[0].File = "/bin/other" },
		"mapping build id":      func(p *profile.Profile) { p.Mapping[0].BuildID = "" },
		"mapping functions":     func(p *profile.Profile) { p.Mapping[0].HasFunctions = false },
		"one mapping more":      func(p *profile.Profile) { p.Mapping = append(p.Mapping, &profile.Mapping{ID: 2, Start: 1, Limit: 2}) },
		"sample type":           func(p *profile.Profile) { p.SampleType[0].Type = "goroutines" },
		"sample unit":           func(p *profile.Profile) { p.SampleType[0].Unit = "" },
		"period type":           func(p *profile.Profile) { p.PeriodType.Unit = "" },
		"period":                func(p *profile.Profile) { p.Period = 0 },
		"time":                  func(p *profile.Profile) { p.TimeNanos = 0 },
		"duration":              func(p *profile.Profile) { p.DurationNanos = 5 },
		"comment":               func(p *profile.Profile) { p.Comments = []string{"hello"} },
		"default sample type":   func(p *profile.Profile) { p.DefaultSampleType = "goroutine" },
	}
	for name, change := range changes {
		theirs, ours := sample(t, "writer", 10), sample(t, "parked", 10)
		change(ours)
		if d := compare(again(t, theirs), again(t, ours), testRules); len(d) == 0 {
			t.Errorf("%s: not found", name)
		}
	}
}

func TestCutIsARuntimesCut(t *testing.T) {
	r := testRules
	r.deep = map[string]int{"recursive": 20}
	for cut := 5; cut < 8; cut++ {
		r.cut = cut
		theirs, ours := sample(t, "writer", 40), sample(t, "parked", 40)
		kept := (cut + 1) / 2
		theirs.Sample[4].Location = theirs.Sample[4].Location[:kept]
		if d := compare(theirs, ours, r); len(d) != 0 {
			t.Errorf("cut %d: equal profiles differ:\n%s", cut, strings.Join(d, "\n"))
		}
		for _, wrong := range []int{kept - 1, kept + 1} {
			theirs := sample(t, "writer", 40)
			theirs.Sample[4].Location = theirs.Sample[4].Location[:wrong]
			if d := compare(theirs, ours, r); len(d) == 0 {
				t.Errorf("cut %d: %d frames instead of %d not found", cut, wrong, kept)
			}
		}
	}
}

func TestDepthOfOursIsChecked(t *testing.T) {
	r := testRules
	r.cut = 6
	theirs := func() *profile.Profile {
		p := sample(t, "writer", 40)
		p.Sample[4].Location = p.Sample[4].Location[:3]
		return p
	}
	r.deep = map[string]int{"recursive": 21}
	if d := compare(theirs(), sample(t, "parked", 40), r); len(d) != 1 {
		t.Errorf("a missing frame below the cut was not found: %q", d)
	}
	r.deep = nil
	r.maxFrames = 20
	if d := compare(theirs(), sample(t, "parked", 40), r); len(d) != 1 {
		t.Errorf("a stack over the limit was not found: %q", d)
	}
	// 22 locations of which one is the gap.
	gap := sample(t, "parked", 40)
	gap.Sample[4].Location[10].Line = gap.Sample[4].Location[10].Line[:1]
	gap.Sample[4].Location[10].Line[0].Function = &profile.Function{ID: 100, Name: elided}
	gap.Function = append(gap.Function, gap.Sample[4].Location[10].Line[0].Function)
	r.maxFrames = 20
	if d := compare(theirs(), gap, r); len(d) != 0 {
		t.Errorf("a stack with its middle left out is refused: %q", d)
	}
	r.maxFrames = 4096
	if d := compare(theirs(), gap, r); len(d) != 1 {
		t.Errorf("a stack with a needless gap was not found: %q", d)
	}
}

func TestTotalIsChecked(t *testing.T) {
	r := testRules
	r.total = 6
	if d := compare(sample(t, "writer", 10), sample(t, "parked", 10), r); len(d) != 0 {
		t.Errorf("the right total is refused: %q", d)
	}
	r.total = 7
	if d := compare(sample(t, "writer", 10), sample(t, "parked", 10), r); len(d) != 2 {
		t.Errorf("a wrong total was not found: %q", d)
	}
}

func TestUnreadableMayBeMissingButNothingWrong(t *testing.T) {
	r := testRules
	r.framePointers, r.unreadable = true, 2
	lose := func(i int) *profile.Profile {
		p := sample(t, "parked", 10)
		f := &profile.Function{ID: 100, Name: unreadable + "test"}
		p.Function = append(p.Function, f)
		l := &profile.Location{ID: 100, Line: []profile.Line{{Function: f}}}
		p.Location = append(p.Location, l)
		p.Sample[i].Location = []*profile.Location{l}
		return p
	}
	theirs := func() *profile.Profile { return sample(t, "writer", 10) }
	if d := compare(theirs(), lose(1), r); len(d) != 0 {
		t.Errorf("two of two unreadable are refused: %q", d)
	}
	if d := compare(theirs(), lose(1), testRules); len(d) == 0 {
		t.Error("unreadable goroutines that are not allowed were not found")
	}
	r.unreadable = 1
	if d := compare(theirs(), lose(1), r); len(d) != 1 {
		t.Errorf("two of one unreadable were not found: %q", d)
	}
	wrong := lose(2)
	wrong.Sample[1].Location[0].Line[0].Line++
	if d := compare(theirs(), wrong, r); len(d) != 1 {
		t.Errorf("a wrong line was not found: %q", d)
	}
}

func TestLabelsThatAreNotUTF8AreReplaced(t *testing.T) {
	theirs, ours := sample(t, "writer", 10), sample(t, "parked", 10)
	theirs.Sample[2].Label["key"] = []string{"a\xff\xfeb"}
	ours.Sample[2].Label["key"] = []string{"a\uFFFD\uFFFDb"}
	if d := compare(theirs, ours, testRules); len(d) != 0 {
		t.Errorf("replaced bytes are refused: %q", d)
	}
}

func TestFramePointersMissOnlyCallersOfFramelessFunctions(t *testing.T) {
	r := testRules
	r.framePointers = true
	faulting := func() *profile.Profile {
		p := sample(t, "parked", 10)
		p.Sample[4].Location[1].Line[1].Function = &profile.Function{ID: 101, Name: "runtime.sigpanic"}
		p.Function = append(p.Function, p.Sample[4].Location[1].Line[1].Function)
		return p
	}
	for missing := 0; missing < 6; missing++ {
		ours := faulting()
		for i, l := range ours.Sample[4].Location {
			l.Line[0].Line = int64(i) // tells them apart
		}
		theirs := faulting()
		for i, l := range theirs.Sample[4].Location {
			l.Line[0].Line = int64(i)
		}
		locations := ours.Sample[4].Location
		ours.Sample[4].Location = append(append([]*profile.Location{}, locations[:missing]...), locations[missing+1:]...)
		d := compare(theirs, ours, r)
		// 1 is below the innermost function, 3 below the one that faulted.
		if allowed := missing == 1 || missing == 3; allowed != (len(d) == 0) {
			t.Errorf("without location %d: %q", missing, d)
		}
	}
}
