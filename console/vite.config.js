// Builds the console into app/console, from where the service sends it. File names have no hash:
// the service sends an ETag, and the committed build changes only where the sources do.
import { readFileSync } from "node:fs";
import { defineConfig } from "vite";

const LIBRARIES = ["preact", "htm", "uplot"];

const licenses = {
  name: "licenses",
  generateBundle() {
    const texts = LIBRARIES.map((name) => {
      const text = readFileSync(new URL(`node_modules/${name}/LICENSE`, import.meta.url), "utf8");
      return `${name}\n${"=".repeat(name.length)}\n\n${text.trim()}\n`;
    });
    this.emitFile({ type: "asset", fileName: "licenses.txt", source: texts.join("\n\n") });
  },
};

export default defineConfig({
  base: "./",
  plugins: [licenses],
  build: {
    outDir: process.env.CONSOLE_OUT || "../app/console",
    emptyOutDir: true,
    assetsDir: "",
    assetsInlineLimit: 0,
    modulePreload: false,
    rollupOptions: {
      output: { entryFileNames: "console.js", assetFileNames: "console[extname]" },
    },
  },
});
