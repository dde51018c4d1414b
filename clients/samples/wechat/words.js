/** The texts of the page. What the service says of a verdict comes with it. */

module.exports = {
  asking: "正在查询……",
  offline: "暂时查不到结果，不能证明来电属实。请不要透露任何信息。",
  signIn: "请先登录",
  short: "核实码是9位数字。",
  slip: "这9位数字有误。请让对方再报一遍。",
  wait: "尝试次数过多，请稍后再试。",
  genuine: "核实通过，是我行来电",
  toAnother: "是我行来电，但不是打给您的",
  notGenuine: "无法核实，请立即挂断",
  ended: "那通电话已经结束",
  unavailable: "暂时无法核实",
  lost: "暂时无法确认通话是否仍在进行",
};
