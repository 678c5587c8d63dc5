package main

// What the structs hold and a user never writes, as "Type.Field", or "*.Field" for every type, with the reason.
// An entry that matches nothing is an error, so neither list can go stale.

const (
	bookkeeping = "Nomad writes it and drops it from a submitted job"
	tooNew      = "newer than Nomad 1.11, whose agent drops it without a word"
)

var omittedFromJob = map[string]string{
	"*.CreateIndex":                bookkeeping,
	"*.ModifyIndex":                bookkeeping,
	"Job.JobModifyIndex":           bookkeeping,
	"Job.ParentID":                 bookkeeping,
	"Job.Dispatched":               bookkeeping,
	"Job.DispatchIdempotencyToken": bookkeeping,
	"Job.NomadTokenID":             bookkeeping,
	"Job.Status":                   bookkeeping,
	"Job.StatusDescription":        bookkeeping,
	"Job.Stable":                   bookkeeping,
	"Job.Version":                  bookkeeping,
	"Job.SubmitTime":               bookkeeping,
	"ScalingPolicy.ID":             bookkeeping,
	"ScalingPolicy.Namespace":      bookkeeping,
	"ScalingPolicy.Target":         bookkeeping,

	"TaskGroup.MaxRunDuration":      tooNew,
	"WorkloadIdentity.ExtraClaims":  tooNew,
	"ChangeScript.RunOnFirstRender": tooNew,
}

const (
	raft     = "Consul's own index of the write"
	status   = "written by Consul's controllers"
	computed = "set by Consul on a path that it takes from a check"
	legacy   = "refused by Consul, or kept for the old intentions API only"
)

var omittedFromConfigEntries = map[string]string{
	"*.CreateIndex": raft,
	"*.ModifyIndex": raft,

	"APIGatewayConfigEntry.Status": status,
	"HTTPRouteConfigEntry.Status":  status,
	"TCPRouteConfigEntry.Status":   status,

	"ExposePath.ParsedFromCheck":       computed,
	"SourceIntention.LegacyID":         legacy,
	"SourceIntention.LegacyMeta":       legacy,
	"SourceIntention.LegacyCreateTime": legacy,
	"SourceIntention.LegacyUpdateTime": legacy,
}
