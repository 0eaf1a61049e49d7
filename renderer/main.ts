import '@fontsource-variable/inter';
import '@fontsource-variable/jetbrains-mono';
import './styles/tokens.css';
import './styles/base.css';
import { createPinia } from 'pinia';
import { createApp } from 'vue';
import App from './App.vue';
import { desktopTransport, webSocketTransport } from './engine/transport.ts';
import { useEngine } from './stores/engine.ts';
import { applyTheme } from './stores/theme.ts';

applyTheme();
const app = createApp(App).use(createPinia());
// In Electron the preload script hands over a port to the engine; in a browser the server is asked.
useEngine().connect(location.protocol === 'app:' ? desktopTransport : webSocketTransport);
app.mount('#app');
