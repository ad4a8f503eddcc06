import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import react from '@vitejs/plugin-react'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

/** Where `npm run dev` finds the server. The built pages talk to the origin that served them. */
const server = process.env.CHEVET_URL ?? 'http://127.0.0.1:7880'

/** The reader of PDFs asks for these by name when a file needs one; the version in the path keeps them apart in caches. */
function pdfDecoders(): Plugin {
  const folder = dirname(createRequire(import.meta.url).resolve('pdfjs-dist/package.json'))
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }
  return {
    name: 'pdf-decoders',
    generateBundle() {
      for (const name of readdirSync(join(folder, 'wasm')).filter((each) => each.endsWith('_nowasm_fallback.js'))) {
        this.emitFile({ type: 'asset', fileName: `assets/pdfjs-${version}/${name}`, source: readFileSync(join(folder, 'wasm', name)) })
      }
    },
  }
}

export default defineConfig({
  plugins: [react(), pdfDecoders()],
  build: {
    target: ['chrome100', 'firefox117', 'safari15.4'],
    // A data: URI would need a wider Content-Security-Policy than the pages ask for.
    assetsInlineLimit: 0,
    // Browsers that do not know the hint import the same files a moment later.
    modulePreload: { polyfill: false },
    // The call part carries the WebRTC client (about 150 kB compressed) and is fetched after the first paint.
    chunkSizeWarningLimit: 900,
    sourcemap: false,
    rolldownOptions: {
      output: {
        // What every page begins with, as one file: it compresses better and needs no second round trip. Apart from it, what
        // the link page needs too, which does without React.
        codeSplitting: {
          groups: [
            { name: 'plain', priority: 2, test: /src\/ui\/(display|paths|shown)\.ts|src\/i18n\/((fr|en)\/common|language|chosen)\.ts/ },
            { name: 'door', priority: 2, test: /src\/patient\/(api|door|gate|handover|screens|seat|time)\.ts|src\/i18n\/(fr|en)\/link\.ts/ },
            {
              name: 'base',
              priority: 1,
              test: /node_modules\/(react|react-dom|scheduler)\/|src\/ui\/(Boundary|Button|Dialog|DisplayMenu|LanguageSwitch|Notice|Page|Progress|Toasts|icons)\.tsx|src\/i18n\/(common|context)\.ts/,
            },
          ],
        },
      },
    },
  },
  server: {
    proxy: {
      '/rtc': { target: server, ws: true },
      '/v1': { target: server },
      '/p/v1': { target: server },
      '/api/v1': { target: server },
    },
  },
  test: { environment: 'node', include: ['src/**/*.test.ts'] },
})
