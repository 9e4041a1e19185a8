#!/bin/sh
# Fetches and cuts everything under static/vendor and the icon sprite anew. Needs npm, node and Python 3. Run by hand:
#   sh static/vendor/refresh.sh
# The versions below are the only thing to change; then look at the pages in both themes.
set -eu
TABLER=1.6.1 ICONS=3.51.0 INTER=5.3.0

vendor=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

unpack() { # name in the registry, version, folder
  file=$(npm pack --silent "$1@$2")
  mkdir "$3" && tar -xzf "$file" -C "$3" --strip-components 1
}
unpack @tabler/core $TABLER tabler
unpack @tabler/icons $ICONS icons
unpack @fontsource-variable/inter $INTER inter

# Tabler: only the families of keep.cjs, or the stylesheet alone would weigh 79 KB compressed.
npm install --silent --no-save purgecss@8
cp "$vendor/tabler/keep.cjs" .
node - tabler/dist/css/tabler.min.css "$vendor/tabler/tabler.min.css" <<'JS'
const { PurgeCSS } = require("purgecss");
const { readFileSync, writeFileSync } = require("node:fs");
const { kept } = require("./keep.cjs");
const [, , source, target] = process.argv;
const css = readFileSync(source, "utf8");
const names = [...css.matchAll(/\.(-?[_a-zA-Z][\w-]*)|(?:^|[\s,>+~(}])([a-z][a-z0-9]*)/g)].map((m) => m[1] || m[2]);
new PurgeCSS()
  .purge({
    content: [{ raw: names.filter(kept).join(" "), extension: "html" }],
    css: [{ raw: css }],
    keyframes: true,
    dynamicAttributes: ["data-bs-theme", "type", "disabled", "readonly", "multiple", "size", "href", "hidden", "open", "title"],
    safelist: { standard: [":root"] },
  })
  .then(([result]) => writeFileSync(target, result.css.replace(/\/\*# sourceMappingURL.*?\*\//g, "").replace('@charset "UTF-8";', "")));
JS
echo "$TABLER" > "$vendor/tabler/VERSION"
cat > "$vendor/tabler/LICENSE" <<'TEXT'
The MIT License (MIT)

Copyright (c) 2018-2026 The Tabler Authors

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
TEXT

# Icons: one sprite of the names in tabler-icons/names.txt.
python3 - "$vendor/tabler-icons/names.txt" icons/icons/outline "$vendor/../img/icons.svg" <<'PY'
import re, sys
from pathlib import Path

names, folder, target = map(Path, sys.argv[1:])
sprite = ['<svg xmlns="http://www.w3.org/2000/svg">']
for name in names.read_text().split():
    paths = re.findall(r"<(?:path|circle|line|rect|polyline)[^>]*/>", (folder / f"{name}.svg").read_text())
    shapes = "".join(re.sub(r"\s*/>", "/>", path) for path in paths if "M0 0h24v24H0z" not in path)
    sprite.append(f'<symbol id="{name}" viewBox="0 0 24 24">{shapes}</symbol>')
target.write_text("\n".join([*sprite, "</svg>", ""]))
PY
echo "$ICONS" > "$vendor/tabler-icons/VERSION"
cp icons/LICENSE "$vendor/tabler-icons/LICENSE"

# Inter: Latin and Cyrillic, weights 400 to 700, kerning and tabular figures: 41 KB instead of 67.
python3 -m venv fonts && fonts/bin/pip install --quiet fonttools brotli
for script in latin cyrillic; do
  fonts/bin/fonttools varLib.instancer -q "inter/files/inter-$script-wght-normal.woff2" wght=400:700 -o $script.ttf
  fonts/bin/pyftsubset $script.ttf --unicodes='*' --layout-features=kern,ccmp,locl,mark,mkmk,tnum --flavor=woff2 \
    --output-file="$vendor/inter/inter-$script.woff2"
done
echo "$INTER" > "$vendor/inter/VERSION"
cp inter/LICENSE "$vendor/inter/LICENSE"
