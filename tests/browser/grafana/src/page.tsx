// The whole page: the choices at the top, then every panel where its place in the grid of 24 columns is.
import './page.css';

import { setLocale, ThemeContext } from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { GlobalStyles, Icon, PanelChrome } from '@grafana/ui';
import 'moment/locale/zh-cn';
import { type ReactElement } from 'react';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';

import { asked, filled, type Panel } from './asked';
import { settled, theme } from './fields';
import { framesOf } from './frames';
import { Drawing } from './panels';

declare const ICONS: Record<string, string>;

const GAP = 8;
const CELL = 30;
const SIDE = 8;

/** There is no server to fetch icons from: they are in the bundle. */
globalThis.fetch = async (where) => {
  const name = /\/([a-z-]+)\.svg/.exec(String(where))?.[1] ?? '';
  return new Response(ICONS[name] ?? '<svg xmlns="http://www.w3.org/2000/svg"/>', { headers: { 'Content-Type': 'image/svg+xml' } });
};

function Top(): ReactElement {
  const { background, text } = theme.colors;
  const days = Math.round((asked.now - asked.since) / 3600000);
  const span = asked.language === 'zh'
    ? `最近 ${days % 24 ? `${days} 小时` : `${days / 24} 天`}`
    : `Last ${days % 24 ? `${days} hours` : days === 24 ? '24 hours' : `${days / 24} days`}`;
  return (
    <div className="top">
      <h1>{asked.dashboard.title}</h1>
      {asked.variables.map(({ name, label, text: value }) => (
        <div key={name} className="choice" style={{ background: background.primary }}>
          <span style={{ background: background.secondary }}>{label}</span>
          <span style={{ color: text.primary }}>{value}</span>
        </div>
      ))}
      <span className="space" />
      <div className="choice" style={{ background: background.primary }}><span><Icon name="clock-nine" /> {span}</span></div>
    </div>
  );
}

function Placed({ panel, children }: { panel: Panel; children: (width: number, height: number) => ReactElement }): ReactElement {
  const { x, y, w, h } = panel.gridPos;
  const column = (asked.width - 2 * SIDE + GAP) / 24;
  const place = { left: SIDE + x * column, top: y * (CELL + GAP), width: w * column - GAP, height: h * (CELL + GAP) - GAP };
  return <div style={place} data-panel={panel.id}>{children(place.width, place.height)}</div>;
}

async function main(): Promise<void> {
  setLocale(asked.language === 'zh' ? 'zh-cn' : 'en');
  await initPluginTranslations('guardian');
  await document.fonts.load('14px Inter');
  await document.fonts.load('500 14px Inter');
  const { panels } = asked.dashboard;
  const drawn = await Promise.all(
    panels.map(async (panel) => ({ panel, frames: await settled(panel, framesOf(panel, asked.answers[panel.id] ?? {})) }))
  );
  const bottom = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  const root = document.getElementById('root')!;
  document.body.style.background = theme.colors.background.canvas;
  flushSync(() =>
    createRoot(root).render(
      <ThemeContext.Provider value={theme}>
        <GlobalStyles />
        <Top />
        <div className="board" style={{ height: bottom * (CELL + GAP) }}>
          {drawn.map(({ panel, frames }) => (
            <Placed key={panel.id} panel={panel}>
              {(width, height) =>
                panel.type === 'row' ? (
                  <div className="section"><Icon name="angle-down" />{filled(panel.title)}</div>
                ) : (
                  <PanelChrome width={width} height={height} title={filled(panel.title)} description={panel.description} padding={panel.type === 'table' ? 'none' : 'md'}>
                    {(width, height) => <Drawing panel={panel} frames={frames} width={width} height={height} />}
                  </PanelChrome>
                )
              }
            </Placed>
          ))}
        </div>
      </ThemeContext.Provider>
    )
  );
}

main().then(
  () => document.documentElement.setAttribute('data-drawn', 'yes'),
  (error: Error) => {
    document.body.textContent = String(error.stack);
    console.error(error.stack);
  }
);
