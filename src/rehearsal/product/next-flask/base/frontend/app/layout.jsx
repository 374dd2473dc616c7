import {Identity} from './identity.jsx';
import './style.css';

export const metadata = {title: 'Stock room', other: {release: '__VERSION__'}};

export default function Layout({children}) {
  return (
    <html lang="en">
      <head>
        {/* What differs between a laptop, a preview and production is read at run time, never built in. */}
        <script src="/config.js" />
      </head>
      <body>
        <Identity>{children}</Identity>
        <footer>product-version: __VERSION__</footer>
      </body>
    </html>
  );
}
