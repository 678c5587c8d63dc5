package main

import (
	"cmp"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"
)

// A module is one TypeScript file: the interfaces of the roots and of every struct that they reach.
type module struct {
	roots []reflect.Type
	// union names the type that is any one of the roots; none when empty.
	union string
	// kinds holds the literal type of a struct's Kind, which every value must then carry.
	kinds map[reflect.Type]string
	// duration is what stands for time.Duration.
	duration alias
	// omitted maps "Type.Field" or "*.Field" to the reason why the field is left out.
	omitted map[string]string
	// marshallers have JSON methods of their own which are known to keep the fields as reflection shows them.
	marshallers []reflect.Type
}

type alias struct{ name, doc, is string }

// typescript renders the module, or reports everything that it cannot express.
func (m module) typescript() (string, error) {
	r := &renderer{
		module: m,
		names:  map[reflect.Type]string{},
		bodies: map[string]string{},
		taken:  map[string]bool{"Readonly": true, "Record": true, m.duration.name: true, m.union: true},
		unused: maps.Clone(m.omitted),
	}
	var union strings.Builder
	for _, root := range m.roots {
		fmt.Fprintf(&union, "\n  | %s", r.typeOf(root))
	}
	for _, key := range slices.Sorted(maps.Keys(r.unused)) {
		r.problem("omitted: %q matches no field", key)
	}

	var out strings.Builder
	fmt.Fprintf(&out, "\n/** %s */\nexport type %s = %s;\n", m.duration.doc, m.duration.name, m.duration.is)
	if m.union != "" {
		fmt.Fprintf(&out, "\nexport type %s =%s;\n", m.union, union.String())
	}
	for _, name := range slices.Sorted(maps.Keys(r.bodies)) {
		out.WriteString("\n" + r.bodies[name])
	}
	return out.String(), errors.Join(r.problems...)
}

type renderer struct {
	module
	names    map[reflect.Type]string
	bodies   map[string]string
	taken    map[string]bool
	unused   map[string]string
	problems []error
}

// typeOf gives the TypeScript type of a value of t in JSON.
func (r *renderer) typeOf(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return r.duration.name
	case reflect.TypeFor[time.Time]():
		return "string"
	case reflect.TypeFor[[]byte](): // base64 for Nomad; Consul takes the bytes of the string itself
		return "string"
	}
	if t.Kind() != reflect.Pointer && hasMarshaller(t) && !slices.Contains(r.marshallers, t) {
		r.problem("%s marshals itself: see what it writes, then list it", t)
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Interface:
		return "unknown"
	case reflect.Pointer:
		return r.typeOf(t.Elem())
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Slice {
			return "readonly (" + r.typeOf(t.Elem()) + ")[]"
		}
		return "readonly " + r.typeOf(t.Elem()) + "[]"
	case reflect.Map:
		return "Readonly<Record<string, " + r.typeOf(t.Elem()) + ">>"
	case reflect.Struct:
		return r.interfaceOf(t)
	default:
		r.problem("%s has no JSON form", t)
		return "never"
	}
}

// interfaceOf renders a struct once and gives the name of its interface.
func (r *renderer) interfaceOf(t reflect.Type) string {
	if name, ok := r.names[t]; ok {
		return name
	}
	name := t.Name()
	if r.taken[name] {
		name = exported(path.Base(t.PkgPath())) + name
	}
	if r.taken[name] || name == "" {
		r.problem("%s needs a name of its own", t)
	}
	r.names[t], r.taken[name] = name, true

	var body strings.Builder
	kind, hasKind := r.kinds[t]
	if hasKind {
		fmt.Fprintf(&body, "  readonly Kind: %q;\n", kind)
	}
	for _, f := range r.fieldsOf(t) {
		if !(hasKind && f.name == "Kind") {
			fmt.Fprintf(&body, "  readonly %s?: %s;\n", f.name, r.typeOf(f.t))
		}
	}
	if body.Len() == 0 {
		// An empty interface would accept any value at all.
		r.bodies[name] = fmt.Sprintf("export type %s = Readonly<Record<string, never>>;\n", name)
	} else {
		r.bodies[name] = fmt.Sprintf("export interface %s {\n%s}\n", name, body.String())
	}
	return name
}

type field struct {
	name string
	t    reflect.Type
}

// fieldsOf lists the JSON fields of a struct in Go's order; those of an embedded struct stand in its place.
func (r *renderer) fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		embedded := f.Type
		if f.Type.Kind() == reflect.Pointer {
			embedded = f.Type.Elem()
		}
		switch {
		case f.Tag.Get("json") == "-" || r.omits(t.Name(), f.Name):
		case f.Anonymous && name == "" && embedded.Kind() == reflect.Struct:
			fields = append(fields, r.fieldsOf(embedded)...)
		case !f.IsExported():
		case slices.Contains(strings.Split(options, ","), "string"):
			r.problem("%s.%s is a quoted value, which is not supported", t, f.Name)
		default:
			fields = append(fields, field{cmp.Or(name, f.Name), f.Type})
		}
	}
	for i, f := range fields {
		if slices.ContainsFunc(fields[:i], func(other field) bool { return other.name == f.name }) {
			r.problem("%s has two fields %q", t, f.name)
		}
	}
	return fields
}

func (r *renderer) omits(structName, fieldName string) bool {
	for _, key := range []string{structName + "." + fieldName, "*." + fieldName} {
		if _, ok := r.omitted[key]; ok {
			delete(r.unused, key)
			return true
		}
	}
	return false
}

func (r *renderer) problem(format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf(format, args...))
}

func hasMarshaller(t reflect.Type) bool {
	return slices.ContainsFunc([]reflect.Type{
		reflect.TypeFor[json.Marshaler](),
		reflect.TypeFor[json.Unmarshaler](),
		reflect.TypeFor[encoding.TextMarshaler](),
		reflect.TypeFor[encoding.TextUnmarshaler](),
	}, reflect.PointerTo(t).Implements)
}

func exported(name string) string {
	return strings.ToUpper(name[:1]) + name[1:]
}
