// Builds ../static/dist: one script, one style sheet and the icon sprite under hashed names, and manifest.json that maps plain names to them.
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, basename } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "..", "static", "dist");
const fresh = `${target}.new`;

await rm(fresh, { recursive: true, force: true });
await mkdir(fresh, { recursive: true });

const result = await build({
  absWorkingDir: here,
  entryPoints: { app: "src/app.ts", style: "styles/app.css" },
  outdir: fresh,
  entryNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "chrome105", "firefox110", "safari15.4"],
  legalComments: "linked",
  metafile: true,
  logLevel: "warning",
});

const manifest = {};
for (const [path, output] of Object.entries(result.metafile.outputs)) {
  if (!output.entryPoint) continue;
  const extension = path.slice(path.lastIndexOf("."));
  manifest[(output.entryPoint.includes("app.ts") ? "app" : "style") + extension] = basename(path);
}

const icons = await readFile(join(here, "..", "static", "icons.svg"));
const name = `icons-${createHash("sha256").update(icons).digest("hex").slice(0, 8)}.svg`;
await writeFile(join(fresh, name), icons);
manifest["icons.svg"] = name;

await writeFile(join(fresh, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
await rm(target, { recursive: true, force: true });
await rename(fresh, target);
