"""A root of its own for a program: this machine's, without /run, /sys and what a test hides, with a test's files."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from .pcscd import in_namespace

# Its arguments: the folder for the root, that with the test's files, what is hidden, "--", the command.
_ENTER = """
set -e
root="$1" files="$2"
shift 2
mount -t tmpfs none "$root"
for entry in /*; do
    if [ -L "$entry" ]; then
        cp -P "$entry" "$root$entry"
    elif [ -d "$entry" ]; then
        mkdir "$root$entry"
        [ "$entry" = /run ] || [ "$entry" = /sys ] || mount --rbind "$entry" "$root$entry"
    fi
done
while [ "$1" != -- ]; do
    [ ! -e "/$1" ] || {
        folder="$(realpath "/$(dirname "$1")")"
        layers="$root/layers$folder"
        [ -e "$layers" ] || {
            mkdir -p "$layers/upper" "$layers/work"
            mount -t overlay -o "lowerdir=$folder,upperdir=$layers/upper,workdir=$layers/work" none "$root$folder"
        }
        rm -rf "${root:?}/$1"
    }
    shift
done
shift
cp -r "$files/." "$root"
exec chroot "$root" "$@"
"""


def in_root(folder: Path, files: Mapping[str, str], hidden: Iterable[str], command: Iterable[str]) -> list[str]:
    """Return the command that runs this one in a root of its own.

    Args:
        folder: a folder for the root and its files.
        files: the texts of files by their paths, relative to the root.
        hidden: the paths that do not exist there, relative to the root.
        command: the command.
    """
    for place in (folder / "root", folder / "files"):
        place.mkdir(parents=True)
    for name, text in files.items():
        file = folder / "files" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return in_namespace(
        ["sh", "-c", _ENTER, "sh", str(folder / "root"), str(folder / "files"), *hidden, "--", *command]
    )
