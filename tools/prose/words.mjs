/**
 * Words that readers of Consul's, Nomad's and Terraform's own documentation would stumble over, and what to write instead. Spaces stand for
 * any white space; upper and lower case are the same.
 */
export const WORDS = [
  [/\bleav(?:e|es|ing) (?:\S+ ){0,3}away\b/, "omit"],
  [/\bleft away\b/, "omitted"],
  [/\btak(?:e|es|ing) (?:\S+ ){1,3}away\b/, "remove"],
  [/\bgot (?:a)?round\b/, "bypassed"],
  [/\bin silence\b/, "silently, or without an error"],
  [/\bmade again\b/, "recreated"],
  [/\b(?:end|ends|ended) well\b/, "exits successfully, or succeeds"],
  [/\b(?:is|are) already said\b/, "is already set"],
  [/\b(?:is|are|was|were|be) said (?:twice|once|again)\b/, "is set twice"],
  [/\b(?:is|are) said (?:by|of|to|for|here|there)\b/, "is set, or is given"],
  [/\bin vain\b/, '"timed out after … waiting for …"'],
  [/\bmend(?:s|ed|ing)?\b/, "fix, or repair"],
  [/\bwho(?:so)?ever\b/, '"anyone who", or "any service that"'],
  [/\bwho may (?:reach )?whom\b/, '"which service can reach which"'],
  [/\ba door left open\b/, '"unused access"'],
  [/\bfor ever\b/, '"forever", or "until …"'],
  [/\bmisspelt\b/, "misspelled"],
  [/\banew\b/, "again"],
  [/\bhave a say\b/, '"decide"'],
  [/\bset aside\b/, "ignored, or excluded"],
  [/\bail(?:s|ments?|ing)\b/, "problem"],
  [/\bbeside (?:it|them|each other|those|their|the|`)/, '"next to", or "in addition to"'],
  [/\bby (?:itself|themselves)\b/, "automatically, or on its own"],
  [/\bby hand\b/, "manually"],
  [/\bway out\b/, "internet access, or a connection to …"],
  [/\bget(?:s|ting)? past\b/, "bypass"],
  [/\ballowed is\b/, '"expected …"'],
  [/\bWrite (?:it|its \w+|the \w+) out\b/, '"Use a literal …"'],
  [/\bKnown are\b/, '"Known names: …"'],
].map(([pattern, instead]) => ({
  pattern: new RegExp(pattern.source.replaceAll(" ", "\\s+"), "gi"),
  instead,
}));
