#!/bin/sh
# tally.sh LOG [STEP_FAILED]: add up what the test runners in LOG closed with, and close likewise:
#	[====] Synthesis: Tested: 4 | Passing: 4 | Failing: 0 | Crashing: 0		(criterion)
#	scenario: 120 passed, 0 failed, 3 skipped					(ours)
# Fails when something failed, and when nothing ran at all.
sed 's/\x1b\[[0-9;]*m//g' "$1" | awk -v broken="${2:-0}" '
	/Synthesis: Tested: [0-9]+ \| Passing: [0-9]+ \| Failing: [0-9]+ \| Crashing: [0-9]+/ {
		sub(/.*Synthesis: /, "")
		passed += $5
		failed += $8 + $11
	}
	/^([a-z]+: )?[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$/ {
		sub(/^[a-z]+: /, "")
		passed += $1
		failed += $3
		skipped += $5
	}
	END {
		if (broken && !failed)
			failed = 1
		printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
		exit failed > 0 || passed == 0
	}'
