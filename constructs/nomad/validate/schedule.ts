import { textsOf, type Place } from "../../core/problems";
import type * as nomad from "../generated/job";

const ALIASES: Readonly<Record<string, string>> = {
  "@yearly": "0 0 0 1 1 * *",
  "@annually": "0 0 0 1 1 * *",
  "@monthly": "0 0 0 1 * * *",
  "@weekly": "0 0 0 * * 0 *",
  "@daily": "0 0 0 * * * *",
  "@hourly": "0 0 * * * * *",
};

const SIXTY = "0?[0-9]|[1-5][0-9]";

/** A field of a cron expression. */
interface CronField {
  /** Pattern of the values. */
  readonly values: string;
  /** Maximum interval. */
  readonly max: number;
  /** Pattern of other items that the field accepts. */
  readonly others?: string;
}

const YEAR: CronField = { values: "19[789][0-9]|20[0-9]{2}", max: 2099 };
const SECONDS: CronField = { values: SIXTY, max: 59 };
const DAYS = "sun|mon|tue|wed|thu|fri|sat|sunday|monday|tuesday|wednesday|thursday|friday|saturday";
const FIELDS: readonly CronField[] = [
  { values: SIXTY, max: 59 },
  { values: "0?[0-9]|1[0-9]|2[0-3]", max: 23 },
  { values: "0?[1-9]|[12][0-9]|3[01]", max: 31, others: "l|lw|(?:0?[1-9]|[12][0-9]|3[01])w" },
  {
    values:
      "0?[1-9]|1[012]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|january|february|march|april|june|july|august|september|october|november|december",
    max: 12,
  },
  { values: `0?[0-7]|${DAYS}`, max: 6, others: `(?:0?[0-7]|${DAYS})(?:l|#[1-5])` },
];

export function examinePeriodic(place: Place, periodic: nomad.PeriodicConfig, jobType: string): void {
  if (periodic.Enabled === false) {
    return;
  }
  if (jobType !== "batch" && jobType !== "sysbatch") {
    place.refuse("enabled", true, `false in a job of type ${jobType}`, "Use the type batch or sysbatch.", {
      comparedWith: jobType,
    });
  }
  const { Spec = "", SpecType = "cron", TimeZone = "UTC" } = periodic;
  const Specs = textsOf(periodic.Specs);
  if (Spec !== "" && Specs.length > 0) {
    place.refuse("cron", Spec, "cron or crons, but not both", "Omit one of the two.", { comparedWith: periodic.Specs });
  }
  if (Spec === "" && Specs.length === 0) {
    place.refuse("cron", Spec, "a cron expression", "Set a schedule.", { comparedWith: periodic.Specs });
  }
  place.oneOf("spec_type", SpecType, ["cron", "test"]);
  if (SpecType === "cron") {
    for (const spec of [...(Spec === "" ? [] : [Spec]), ...Specs]) {
      if (!isCron(spec)) {
        place.refuse("cron", spec, 'a cron expression such as "*/15 * * * *", or "@daily"', "Correct the expression.");
      }
    }
  }
  if (!isTimeZone(TimeZone)) {
    place.refuse("time_zone", TimeZone, 'the name of a time zone, such as "Europe/Berlin"', "Correct the name.");
  }
}

/** Whether text is a valid cron expression. @see https://github.com/hashicorp/cronexpr */
function isCron(text: string): boolean {
  const fields = text
    .replace(/@(?:yearly|annually|monthly|weekly|daily|hourly)/g, (alias) => ALIASES[alias])
    .toLowerCase()
    .split(/\s+/)
    .filter((field) => field !== "");
  if (fields.length < 5) {
    return false;
  }
  const descriptors = [...(fields.length > 6 ? [SECONDS] : []), ...FIELDS, ...(fields.length > 5 ? [YEAR] : [])];
  return descriptors.every((descriptor, index) => isCronField(fields[index], descriptor));
}

function isCronField(field: string, { values, max, others }: CronField): boolean {
  const value = `(?:${values})`;
  const simple = new RegExp(`^(?:[*?]|${value}|${value}-${value}${others === undefined ? "" : `|${others}`})$`);
  const stepped = new RegExp(String.raw`^(?:\*|${value}|${value}-${value})/(\d+)$`);
  const entries = field.split(",").filter((entry) => entry !== "");
  return (
    entries.length > 0 &&
    entries.every((entry) => {
      const interval = stepped.exec(entry)?.[1];
      return interval === undefined
        ? simple.test(entry)
        : Number(interval) >= 1 && Number(interval) <= max && isCronNumber(interval);
    })
  );
}

/** Whether an interval is in the table of cronexpr, which has no leading zeros above 9, and no numbers between 60 and 1969. */
function isCronNumber(text: string): boolean {
  return /^(?:0?[1-9]|[1-5][0-9]|19[789][0-9]|20[0-9]{2})$/.test(text);
}

function isTimeZone(name: string): boolean {
  if (name === "" || name === "Local") {
    return true;
  }
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return !/^[+-]/.test(name);
  } catch {
    return false;
  }
}

export function examineParameterized(place: Place, job: nomad.ParameterizedJobConfig, jobType: string): void {
  if (jobType !== "batch" && jobType !== "sysbatch") {
    place.refuse("type", jobType, '"batch" or "sysbatch" for a parameterized job', "Change the type.");
  }
  const { Payload, MetaRequired, MetaOptional } = job;
  place.oneOf("payload", Payload === "" ? undefined : Payload, ["optional", "required", "forbidden"]);
  for (const key of textsOf(MetaRequired).filter((each) => textsOf(MetaOptional).includes(each))) {
    place.refuse("meta_optional", key, "cannot be in meta_required too", "Keep it in one of the two.", {
      comparedWith: [MetaRequired, MetaOptional],
    });
  }
}
