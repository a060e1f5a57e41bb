// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"sort"
	"strings"

	"github.com/google/pprof/profile"
)

// rules say what may differ between two profiles of one program.
type rules struct {
	// cut > 0: theirs was cut by the runtime after that many logical frames, ours was not.
	cut int
	// maxFrames is the depth that ours keeps per stack when it is not told otherwise.
	maxFrames int
	// writer is a function in the stack of the goroutine that wrote theirs, parked one in the stack of the same goroutine
	// in ours. That goroutine's outermost function is root in both, and no other goroutine's is.
	writer, parked, root string
	// sum: theirs may list a stack more than once, ours need not.
	sum bool
	// noBuildIDs: the program could not read the build ids of its files, we can.
	noBuildIDs bool
	// noMappings: the program could not read its mappings, so that it has no addresses either.
	noMappings bool
	// framePointers: ours was unwound by frame pointers alone, which know nothing of some goroutines, at most unreadable of
	// them, and miss the caller of a function without a frame where such a one was running or faulted.
	framePointers bool
	unreadable    int64
	// total > 0: how many goroutines there are.
	total int64
	// deep: how often a function is in the deepest stack of ours that nothing was left out of.
	deep map[string]int
}

const (
	elided     = "gostackdump.elided"
	unreadable = "gostackdump.unreadable:"
)

// difference collects what is unequal, in lines for a person.
type difference struct{ lines []string }

func (d *difference) add(format string, args ...interface{}) {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

// compare reports every difference between theirs, which the program wrote, and ours.
func compare(theirs, ours *profile.Profile, r rules) []string {
	var d difference
	compareHeaders(&d, theirs, ours)
	if r.noBuildIDs {
		for _, m := range ours.Mapping {
			m.BuildID = ""
		}
	}
	if !r.noMappings {
		compareMappings(&d, theirs, ours)
	}
	checkTotal(&d, "theirs", theirs, r.total)
	checkTotal(&d, "ours", ours, r.total)
	if r.framePointers {
		compareReadable(&d, theirs.Sample, ours.Sample, r)
		return d.lines
	}
	theirSamples := dropOne(&d, "theirs", theirs.Sample, r.root, r.writer)
	ourSamples := dropOne(&d, "ours", ours.Sample, r.root, r.parked)
	if r.cut > 0 {
		checkDepth(&d, ourSamples, r)
		for i, s := range ourSamples {
			ourSamples[i].Location = cutLocations(s.Location, r.cut)
		}
	}
	sum := r.sum || r.cut > 0
	byName := diffCounts(&d, "stacks by name", group(theirSamples, nameKey, sum), group(ourSamples, nameKey, sum))
	if byName && !r.noMappings {
		diffCounts(&d, "stacks by address", group(theirSamples, addressKey, sum), group(ourSamples, addressKey, sum))
	}
	return d.lines
}

func compareHeaders(d *difference, theirs, ours *profile.Profile) {
	if err := ours.CheckValid(); err != nil {
		d.add("ours is not a valid profile: %v", err)
	}
	if a, b := valueTypes(theirs.SampleType), valueTypes(ours.SampleType); a != b {
		d.add("sample types: theirs %s, ours %s", a, b)
	}
	if a, b := valueTypes([]*profile.ValueType{theirs.PeriodType}), valueTypes([]*profile.ValueType{ours.PeriodType}); a != b {
		d.add("period type: theirs %s, ours %s", a, b)
	}
	if theirs.Period != ours.Period {
		d.add("period: theirs %d, ours %d", theirs.Period, ours.Period)
	}
	if theirs.DurationNanos != ours.DurationNanos {
		d.add("duration: theirs %d, ours %d", theirs.DurationNanos, ours.DurationNanos)
	}
	if ours.TimeNanos < theirs.TimeNanos {
		d.add("time: ours (%d) is before theirs (%d), which was written first", ours.TimeNanos, theirs.TimeNanos)
	}
	if theirs.DefaultSampleType != ours.DefaultSampleType || theirs.DropFrames != ours.DropFrames || theirs.KeepFrames != ours.KeepFrames {
		d.add("default sample type or frame filters differ")
	}
	if len(ours.Comments) != len(theirs.Comments) {
		d.add("comments: theirs %q, ours %q", theirs.Comments, ours.Comments)
	}
}

func valueTypes(types []*profile.ValueType) string {
	var b strings.Builder
	for _, t := range types {
		if t == nil {
			b.WriteString("[none]")
		} else {
			fmt.Fprintf(&b, "[%s/%s]", t.Type, t.Unit)
		}
	}
	return b.String()
}

func checkTotal(d *difference, whose string, p *profile.Profile, total int64) {
	var n int64
	for _, s := range p.Sample {
		n += s.Value[0]
	}
	if total > 0 && n != total {
		d.add("%s: %d goroutines, not %d", whose, n, total)
	}
}

func mappingText(m *profile.Mapping) string {
	return fmt.Sprintf("%d: %#x-%#x offset %#x file %q build id %q functions=%t filenames=%t lines=%t inlines=%t",
		m.ID, m.Start, m.Limit, m.Offset, m.File, m.BuildID, m.HasFunctions, m.HasFilenames, m.HasLineNumbers, m.HasInlineFrames)
}

func compareMappings(d *difference, theirs, ours *profile.Profile) {
	for i := 0; i < len(theirs.Mapping) || i < len(ours.Mapping); i++ {
		a, b := "none", "none"
		if i < len(theirs.Mapping) {
			a = mappingText(theirs.Mapping[i])
		}
		if i < len(ours.Mapping) {
			b = mappingText(ours.Mapping[i])
		}
		if a != b {
			d.add("mapping:\n  theirs %s\n  ours   %s", a, b)
		}
	}
}

// outermost returns the function at the root of a sample, "" for a stack without frames.
func outermost(s *profile.Sample) string {
	if len(s.Location) == 0 {
		return ""
	}
	lines := s.Location[len(s.Location)-1].Line
	if len(lines) == 0 || lines[len(lines)-1].Function == nil {
		return ""
	}
	return lines[len(lines)-1].Function.Name
}

func contains(s *profile.Sample, function string) bool {
	for _, l := range s.Location {
		for _, line := range l.Line {
			if line.Function != nil && line.Function.Name == function {
				return true
			}
		}
	}
	return false
}

// dropOne returns copies of the samples without the one goroutine whose stack starts at root, which must hold through.
func dropOne(d *difference, whose string, samples []*profile.Sample, root, through string) []*profile.Sample {
	var kept []*profile.Sample
	var dropped int64
	for _, s := range samples {
		if outermost(s) != root {
			duplicate := *s
			kept = append(kept, &duplicate)
			continue
		}
		dropped += s.Value[0]
		if !contains(s, through) {
			d.add("%s: the goroutine of %s is not in %s:\n%s", whose, root, through, indent(nameKey(s)))
		}
	}
	if dropped != 1 {
		d.add("%s: %d goroutines of %s, not 1", whose, dropped, root)
	}
	return kept
}

// compareReadable holds only those goroutines against theirs that have a stack in ours, main excepted.
func compareReadable(d *difference, theirs, ours []*profile.Sample, r rules) {
	var missing int64
	var readable []*profile.Sample
	for _, s := range ours {
		switch {
		case strings.HasPrefix(outermost(s), unreadable):
			missing += s.Value[0]
		case outermost(s) != r.root:
			readable = append(readable, s)
		}
	}
	if missing > r.unreadable {
		d.add("ours: %d goroutines have no stack, more than %d", missing, r.unreadable)
	}
	for _, s := range theirs {
		theirs = append(theirs, withoutCallers(s)...)
	}
	known, found := group(theirs, nameKey, true), group(readable, nameKey, true)
	for key, counts := range found {
		if len(known[key]) == 0 || known[key][0] < counts[0] {
			d.add("stacks by name: theirs %v, ours %v:\n%s", known[key], counts, indent(key))
		}
	}
}

// withoutCallers returns what frame pointers may make of a stack: the caller is missing of the innermost function, of one
// that faulted, or of several.
func withoutCallers(s *profile.Sample) []*profile.Sample {
	stacks := [][]*profile.Location{s.Location}
	for i := len(s.Location) - 2; i >= 0; i-- {
		if i > 0 && !isFunction(s.Location[i-1], "runtime.sigpanic") {
			continue
		}
		for _, stack := range stacks {
			// What lies above i is as it was, for i goes up the stack.
			without := append(append([]*profile.Location{}, stack[:i+1]...), stack[i+2:]...)
			stacks = append(stacks, without)
		}
	}
	var samples []*profile.Sample
	for _, stack := range stacks[1:] {
		duplicate := *s
		duplicate.Location = stack
		samples = append(samples, &duplicate)
	}
	return samples
}

func isFunction(l *profile.Location, name string) bool {
	return len(l.Line) > 0 && l.Line[len(l.Line)-1].Function.Name == name
}

// cutLocations does to an uncut stack what the runtime does: it keeps the first n logical frames, and of the physical
// frame in which the cut falls all logical ones.
func cutLocations(locations []*profile.Location, n int) []*profile.Location {
	frames := 0
	for i, l := range locations {
		if frames >= n {
			return locations[:i]
		}
		frames += len(l.Line)
	}
	return locations
}

// checkDepth holds ours, uncut, against the number of frames that the program is known to have put on its stacks.
func checkDepth(d *difference, ours []*profile.Sample, r rules) {
	found := map[string]int{}
	for _, s := range ours {
		gaps := 0
		counts := map[string]int{}
		for _, l := range s.Location {
			for _, line := range l.Line {
				counts[line.Function.Name]++
				if line.Function.Name == elided {
					gaps++
				}
			}
		}
		// The limit counts physical frames, and perhaps the one below the goroutine's first function.
		if n := len(s.Location); gaps > 1 || (gaps == 1 && (n > r.maxFrames+1 || n < r.maxFrames-2)) || (gaps == 0 && n > r.maxFrames) {
			d.add("ours: a stack with %d frames, of which %d %s, where %d are the limit", n, gaps, elided, r.maxFrames)
		}
		for function, n := range counts {
			if gaps == 0 && n > found[function] {
				found[function] = n
			}
		}
	}
	for function, n := range r.deep {
		if found[function] != n {
			d.add("ours: the deepest whole recursion of %s has %d frames, not %d", function, found[function], n)
		}
	}
}

func labelText(s *profile.Sample) string {
	var all []string
	for key, values := range s.Label {
		key = wellFormed(key)
		for i := range values {
			values[i] = wellFormed(values[i])
		}
		all = append(all, fmt.Sprintf("%q=%q", key, values))
	}
	for key, values := range s.NumLabel {
		all = append(all, fmt.Sprintf("%q=%d%q", key, values, s.NumUnit[key]))
	}
	sort.Strings(all)
	return "labels {" + strings.Join(all, ", ") + "}\n"
}

// wellFormed replaces each byte that is not UTF-8. The runtime copies such labels into the profile, where a strict reader
// refuses the whole file, so ours has them replaced.
func wellFormed(text string) string { return string([]rune(text)) }

func frameText(b *strings.Builder, line profile.Line) {
	f := line.Function
	if f == nil {
		b.WriteString("? ")
		return
	}
	fmt.Fprintf(b, "%s %s:%d", f.Name, f.Filename, line.Line)
	if f.SystemName != f.Name {
		fmt.Fprintf(b, " system name %s", f.SystemName)
	}
	fmt.Fprintf(b, " start %d", f.StartLine)
	if line.Column != 0 {
		fmt.Fprintf(b, " column %d", line.Column)
	}
}

// nameKey is a sample's labels and frames, one a line; inlined frames are marked, so that their grouping counts too.
func nameKey(s *profile.Sample) string {
	var b strings.Builder
	b.WriteString(labelText(s))
	for _, l := range s.Location {
		for i, line := range l.Line {
			frameText(&b, line)
			if i+1 < len(l.Line) {
				b.WriteString(" (inlined)")
			}
			b.WriteString("\n")
		}
		if len(l.Line) == 0 {
			fmt.Fprintf(&b, "no function at %#x\n", l.Address)
		}
	}
	return b.String()
}

func addressKey(s *profile.Sample) string {
	var b strings.Builder
	b.WriteString(labelText(s))
	for _, l := range s.Location {
		mapping := "none"
		if l.Mapping != nil {
			mapping = fmt.Sprint(l.Mapping.ID)
		}
		fmt.Fprintf(&b, "%#x in mapping %s", l.Address, mapping)
		for _, line := range l.Line {
			b.WriteString(" ")
			frameText(&b, line)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// group returns the counts of the samples by key, ascending, and their sum alone when they may be aggregated differently.
func group(samples []*profile.Sample, key func(*profile.Sample) string, sum bool) map[string][]int64 {
	counts := map[string][]int64{}
	for _, s := range samples {
		k := key(s)
		if sum && len(counts[k]) == 1 {
			counts[k][0] += s.Value[0]
			continue
		}
		counts[k] = append(counts[k], s.Value[0])
	}
	for _, c := range counts {
		sort.Slice(c, func(i, j int) bool { return c[i] < c[j] })
	}
	return counts
}

// diffCounts says whether theirs and ours are equal, and which keys have other counts.
func diffCounts(d *difference, what string, theirs, ours map[string][]int64) bool {
	keys := map[string]bool{}
	for k := range theirs {
		keys[k] = true
	}
	for k := range ours {
		keys[k] = true
	}
	var unequal []string
	for k := range keys {
		if fmt.Sprint(theirs[k]) != fmt.Sprint(ours[k]) {
			unequal = append(unequal, k)
		}
	}
	sort.Slice(unequal, func(i, j int) bool { return reversed(unequal[i]) < reversed(unequal[j]) })
	for _, k := range unequal {
		d.add("%s: theirs %v, ours %v:\n%s", what, theirs[k], ours[k], indent(k))
	}
	return len(unequal) == 0
}

// reversed sorts stacks with the same root next to each other, so that two that differ in a frame are side by side.
func reversed(key string) string {
	lines := strings.Split(key, "\n")
	for i, j := 0, len(lines)-1; i < j; i, j = i+1, j-1 {
		lines[i], lines[j] = lines[j], lines[i]
	}
	return strings.Join(lines, "\n")
}

const shownLines = 40

func indent(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) > shownLines {
		gap := fmt.Sprintf("... %d more ...", len(lines)-shownLines)
		lines = append(append(append([]string{}, lines[:shownLines/2]...), gap), lines[len(lines)-shownLines/2:]...)
	}
	return "    " + strings.Join(lines, "\n    ")
}
