#!/usr/bin/env bash
# snippet.sh LANGUAGE: the first block of a language on docs/zenb/embed.md.
exec awk -v fence="\`\`\`$1" '$0 == fence {inside = 1; next} /^```/ {if (inside) exit} inside' "$(dirname "$0")/../../docs/zenb/embed.md"
