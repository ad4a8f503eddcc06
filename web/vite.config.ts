import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

/** Where `npm run dev` finds the server. The built pages talk to the origin that served them. */
const server = process.env.CHEVET_URL ?? 'http://127.0.0.1:7880'

export default defineConfig({
  plugins: [react()],
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
        // What every page begins with, as one file: it compresses better and needs no second round trip.
        codeSplitting: { groups: [{ name: 'base', test: /node_modules\/(react|react-dom|scheduler)\/|src\/ui\/(Boundary|Button|Dialog|DisplayMenu|LanguageSwitch|Notice|Page|Progress|Toasts|display|icons)|src\/i18n\/(\w\w\/)?(common|context|language)/ }] },
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
