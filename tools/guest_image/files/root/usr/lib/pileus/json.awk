# Flattens one JSON document: each scalar becomes a line `path<TAB>value`, the path with / between its names.
# Strings keep their escapes but \" \/ \\ \n \t; good for the flat documents that a guest reads.
function skip() { while (substr(text, at, 1) ~ /[ \t\r\n]/) at++ }
function string(  out, c) {
  out = ""; at++
  while (at <= length(text) && (c = substr(text, at, 1)) != "\"") {
    if (c == "\\") {
      c = substr(text, ++at, 1)
      if (c == "n" || c == "r" || c == "t") c = " "
    }
    out = out c; at++
  }
  at++
  return out
}
function value(path,  c, name, i) {
  skip(); c = substr(text, at, 1)
  if (c == "{") {
    at++; skip()
    while (at <= length(text) && substr(text, at, 1) != "}") {
      name = string(); skip(); at++
      value(path "/" name); skip()
      if (substr(text, at, 1) == ",") { at++; skip() }
    }
    at++
  } else if (c == "[") {
    at++; skip(); i = 0
    while (at <= length(text) && substr(text, at, 1) != "]") {
      value(path "/" i++); skip()
      if (substr(text, at, 1) == ",") { at++; skip() }
    }
    at++
  } else if (c == "\"") print path "\t" string()
  else { match(substr(text, at), /^[^],} \t\r\n]+/); if (RLENGTH < 1) { at = length(text) + 1; return } print path "\t" substr(text, at, RLENGTH); at += RLENGTH }
}
{ text = text $0 "\n" }
END { at = 1; value("") }
