import '@fontsource-variable/inter';
import '@fontsource-variable/jetbrains-mono';
import './styles/tokens.css';
import './styles/base.css';
import { createPinia } from 'pinia';
import { createApp } from 'vue';
import App from './App.vue';
import { portTransport, webSocketTransport, type Transport, type TransportEvents } from './engine/transport.ts';
import { useEngine } from './stores/engine.ts';
import { applyTheme } from './stores/theme.ts';

/** In Electron the preload script posts the engine's port to the page; in a browser the server is asked. */
function startWith(connect: (events: TransportEvents) => Transport): void {
  applyTheme();
  const app = createApp(App).use(createPinia());
  const engine = useEngine();
  engine.connect(connect);
  document.addEventListener('visibilitychange', () => engine.engine().setVisible(!document.hidden));
  app.mount('#app');
}

if (location.protocol === 'app:') {
  addEventListener('message', (event) => {
    const port = event.ports[0];
    if (event.source === window && event.data === 'flowglass:engine' && port)
      startWith((events) => portTransport(port, events));
  });
} else {
  startWith(webSocketTransport);
}
