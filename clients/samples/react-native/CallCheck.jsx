import React, { useRef } from "react";
import { Linking } from "react-native";
import { WebView } from "react-native-webview";
import { TOKEN_BRIDGE, answerTo } from "./token-bridge.js";

/**
 * The page `/app/` of the verification service. The customer does not sign in again: the page asks the app for its access
 * token (specs/protocol.md section 12.3).
 * @param {{service: string, accessToken: () => Promise<string | null>}} properties `service` is an origin
 */
export function CallCheck({ service, accessToken }) {
  const view = useRef(null);
  const ours = (url) => url === service || url.startsWith(`${service}/`);

  const answer = async ({ nativeEvent }) => {
    // Only the page of the service may ask.
    if (!ours(nativeEvent.url)) return;
    const { id } = JSON.parse(nativeEvent.data);
    const token = await accessToken();
    view.current?.injectJavaScript(answerTo(id, token));
  };

  /** Open telephone numbers in the dialler, and nothing else that leaves the service. */
  const follow = ({ url }) => {
    if (url.startsWith("tel:")) Linking.openURL(url);
    return ours(url);
  };

  return (
    <WebView
      ref={view}
      source={{ uri: `${service}/app/` }}
      originWhitelist={[service, "tel:*"]}
      injectedJavaScriptBeforeContentLoaded={TOKEN_BRIDGE}
      injectedJavaScriptBeforeContentLoadedForMainFrameOnly
      onMessage={answer}
      onShouldStartLoadWithRequest={follow}
      domStorageEnabled
    />
  );
}
