package main

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

type sample struct {
	Kind     string
	Renamed  string `json:"renamed_field,omitempty"`
	Ignored  string `json:"-"`
	Keyed    string `mapstructure:"not_json" hcl:"nor_this"`
	Wait     *time.Duration
	At       time.Time
	Raw      []byte
	Names    []string
	Rows     [][]string
	Headers  map[string][]string
	Any      map[string]any
	Parts    []*part
	Empty    *empty
	Internal uint64
	private  string
	common
}

type common struct{ Shared bool }

type part struct {
	Share  float64
	Parent *sample
}

type empty struct{}

const sampleTypeScript = `
/** A duration. */
export type Ticks = number;

export type Entry =
  | sample;

export type empty = Readonly<Record<string, never>>;

export interface part {
  readonly Share?: number;
  readonly Parent?: sample;
}

export interface sample {
  readonly Kind: "the-kind";
  readonly renamed_field?: string;
  readonly Keyed?: string;
  readonly Wait?: Ticks;
  readonly At?: string;
  readonly Raw?: string;
  readonly Names?: readonly string[];
  readonly Rows?: readonly (readonly string[])[];
  readonly Headers?: Readonly<Record<string, readonly string[]>>;
  readonly Any?: Readonly<Record<string, unknown>>;
  readonly Parts?: readonly part[];
  readonly Empty?: empty;
  readonly Shared?: boolean;
}
`

func TestStructsBecomeInterfacesWithTheNamesThatEncodingJSONUses(t *testing.T) {
	root := reflect.TypeFor[sample]()
	got, err := module{
		roots:    []reflect.Type{root},
		union:    "Entry",
		kinds:    map[reflect.Type]string{root: "the-kind"},
		duration: alias{"Ticks", "A duration.", "number"},
		omitted:  map[string]string{"*.Internal": "a test"},
	}.typescript()
	if err != nil {
		t.Fatal(err)
	}
	if got != sampleTypeScript {
		t.Errorf("unexpected TypeScript:\n%s", got)
	}
}

type temperature int

func (temperature) MarshalText() ([]byte, error) { return []byte("warm"), nil }

type Record struct{ Field string }

type trouble struct {
	Warm   temperature
	Quoted int `json:",string"`
	Call   func()
	Shared string
	common
	Named Record
}

func TestWhatCannotBeExpressedIsReportedTogether(t *testing.T) {
	got, err := module{
		roots:   []reflect.Type{reflect.TypeFor[trouble]()},
		omitted: map[string]string{"trouble.Gone": "a test"},
	}.typescript()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"main.temperature marshals itself",
		"main.trouble.Quoted is a quoted value",
		"func() has no JSON form",
		`main.trouble has two fields "Shared"`,
		`"trouble.Gone" matches no field`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in:\n%v", want, err)
		}
	}
	if !strings.Contains(got, "readonly Named?: TypegenRecord;") {
		t.Errorf("a struct named like one of TypeScript's types got no prefix:\n%s", got)
	}
}
