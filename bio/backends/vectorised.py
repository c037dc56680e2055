"""State updaters that compute their exponentials for several neurons at a time.

A compiler vectorises a loop over neurons with exponentials only if it knows of vector versions (glibc's libmvec: at most 4
units in the last place off, where the scalar ones are within 1) and if no branch stands in the way. Brian2's text says
neither. Which instructions are used is decided when the program starts (`target_clones`), so that it runs on every
processor of its kind. A level without exponentials per step, `exact` among them, keeps Brian2's text and every bit.
"""

from __future__ import annotations

import re

from bio.backends.project import Project

SUPPORT = "////// SUPPORT CODE ///////"
UPDATERS = "code_objects/*_stateupdater_codeobject*.cpp"
LOOP = re.compile(r"^( *)for\(int _idx=0; _idx<_N; _idx\+\+\)$", re.MULTILINE)
FUNCTION = re.compile(r"^void (_run_\w+_stateupdater_codeobject\w*\(\))$", re.MULTILINE)
EXPONENTIAL = re.compile(r"\b(exp|_exprel)\(")
EXPREL = re.compile(r"(static inline double _exprel\(double x\)\s*)\{.*?return expm1\(x\)/x;\s*\}", re.DOTALL)
POWER = "#define _brian_pow(x, y) (pow((x), (y)))"

# The limits are those of Brian2's function, without its early returns.
OUR_EXPREL = """{
        const double y = x > 717 ? 717 : x;
        const double z = fabs(y) < 1e-16 ? 1e-16 : y;
        return expm1(z)/z;
    }"""
OUR_POWER = "#define _brian_pow(x, y) (_whole_power((x), (y)))"
PREAMBLE = """
#include <cmath>
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#if __GNUC__ >= 12 && __GLIBC_PREREQ(2, 35)
extern "C" {
__attribute__((simd("notinbranch"))) double exp(double) noexcept;
__attribute__((simd("notinbranch"))) double expm1(double) noexcept;
}
#define FOR_EVERY_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#define NEURONS_ARE_INDEPENDENT _Pragma("GCC ivdep")
#endif
#endif
#ifndef FOR_EVERY_PROCESSOR
#define FOR_EVERY_PROCESSOR
#define NEURONS_ARE_INDEPENDENT
#endif
static inline double _whole_power(double x, double y) { return pow(x, y); }
static inline double _whole_power(double x, int y)
{
    switch (y) {
        case -1: return 1/x;
        case 2: return x*x;
        case 3: return x*x*x;
        case 4: return (x*x)*(x*x);
        default: return pow(x, y);
    }
}
"""


def vectorise(project: Project) -> None:
    """Change, in place, the state updaters that compute an exponential for every neuron and draw nothing."""
    for path in sorted(project.sources.glob(UPDATERS)):
        text = path.read_text()
        changed = vectorised(text)
        if changed != text:
            path.write_text(changed)


def vectorised(text: str) -> str:
    """Return a state updater's text such that a compiler can vectorise it; as it is where that changes nothing."""
    loop = LOOP.search(text)
    if (
        SUPPORT not in text
        or loop is None
        or not EXPONENTIAL.search(text, loop.end())
        or "_rand" in text[loop.end() :]
    ):
        return text
    head, support = text.split(SUPPORT, 1)
    support = EXPREL.sub(lambda found: found[1] + OUR_EXPREL, support).replace(POWER, OUR_POWER)
    support = FUNCTION.sub(r"FOR_EVERY_PROCESSOR void \1", support)
    support = LOOP.sub(r"\1NEURONS_ARE_INDEPENDENT\n\g<0>", support)
    return head + PREAMBLE + support
