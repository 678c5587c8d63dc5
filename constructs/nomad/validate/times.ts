import { Shown, type Place } from "../../core/problems";
import { durationText } from "../../core/duration";
import type { Nanoseconds } from "../generated/job";

export const SECOND = 1e9;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

/** A duration, which messages show in the format of Go. */
export function time(length: Nanoseconds | undefined): Shown {
  return new Shown(length === undefined ? "not set" : durationText(length), length);
}

/** Refuses a duration below a minimum. */
export function atLeast(place: Place, field: string, length: Nanoseconds | undefined, least: Nanoseconds): void {
  if (length !== undefined && length < least) {
    place.refuse(field, time(length), `${durationText(least)} or more`, "Use a longer duration.");
  }
}
