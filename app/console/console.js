var we,Fr,un,eo,Zl,Hr,Yl,Ir,wo,to,ls=Symbol.for("pv"),Ql={},Xl=[],Dc=/^m(i|n|o|s|text|space)$/,ko=Array.isArray,So=Xl.slice,An=Object.assign;function Mn(e){e&&e.parentNode&&e.remove()}function Lc(e,t,n){var l,s,o,r={},a=arguments.length;for(o in t)o=="key"?l=t[o]:o=="ref"&&typeof e!="function"?s=t[o]:r[o]=t[o];return a>2&&(r.children=a>3?So.call(arguments,2):n),kl(e,r,l,s,null)}function kl(e,t,n,l,s){var o={type:e,props:t,key:n,ref:l,__k:null,__:null,__b:0,__e:null,__c:null,constructor:ls,__v:s||++Fr,__i:-1,__u:0};return!s&&we.vnode&&we.vnode(o),o}function ss(e){return e.children}function ql(e,t){this.props=e,this.context=t,this.__g=0}function hn(e,t){if(t==null)return e.__&&hn(e.__,e.__i+1);for(var n;t<e.__k.length;t++)if((n=e.__k[t])&&n.__e)return n.__e;return typeof e.type!="function"||e.props.__P?null:hn(e)}function Nc(e){var t,n=e.__v,l=n.__e,s=[],o=[],r=e.__P;r&&((t=An({constructor:ls},n)).__v=n.__v+1,we.vnode&&we.vnode(t),To(r,t,n,e.__n,r.namespaceURI,32&n.__u?[l]:null,s,l||hn(n),32&n.__u,o),t.__v=n.__v,t.__.__k[t.__i]=t,Gr(s,t,o),n.__=n.__e=null,t.__e!=l&&jr(t))}function jr(e){if((e=e.__)&&e.__c&&!e.props.__P)return e.__e=null,e.__k.some(function(t){return t&&(e.__e=t.__e)}),jr(e)}function bi(e){(8&e.__g||(e.__g|=8,un.push(e),Zl++))&&eo==we.debounceRendering||((eo=we.debounceRendering)||queueMicrotask)(Vr)}function Vr(){try{for(var e,t=1;un.length;)un.length>t&&un.sort(Hr),e=un.shift(),t=un.length,8&e.__g&&Nc(e)}finally{(Zl=un.length)&&(eo||queueMicrotask)(Vr)}}function Wr(e,t,n,l,s,o,r,a,u,f,p){var _,m,y,S,b,w,M=l.__k||Xl,k=t.length;for(u=Oc(n,t,M,u,k),_=0;_<k;_++)(y=n.__k[_])!=null&&(m=~y.__i&&M[y.__i]||Ql,y.__i=_,w=To(e,y,m,s,o,r,a,u,f,p),S=y.__e,(m.ref!=y.ref||8&m.__u)&&(m.ref&&xo(m.ref,null,y,m),y.ref&&p.push(y.ref,y.__c||S,y)),b=b||S,4&y.__u?(u=zr(y,u,e,!m.__v),m.__e&&(m.__e=null)):typeof y.type=="function"&&w!==void 0?u=w:S&&(u=S.nextSibling),y.__u&=-21);return n.__e=b,u}function Oc(e,t,n,l,s){var o,r,a,u,f,p,_,m,y,S=n.length,b=S,w=0,M=0,k=e.__k=Array(s);for(o=0;o<s;o++)(r=t[o])!=null&&typeof r!="boolean"&&typeof r!="function"?(typeof r!="object"||r.constructor===String?r=k[o]=kl(null,r):ko(r)?r=k[o]=kl(ss,{children:r}):r.constructor===ls&&r.__b?r=k[o]=kl(r.type,r.props,r.key,r.ref,r.__v):k[o]=r,u=o+w,r.__=e,r.__b=e.__b+1,a=null,~(f=r.__i=Rc(r,n,u,b))&&(b--,(a=n[f])&&(a.__u|=2)),a&&a.__v?(r.__u|=16,f==u-1?w--:f==u+1?w++:f!=u&&(f>u?w--:w++,M=1)):(~f||(s>S?w--:s<S&&w++),typeof r.type!="function"&&(r.__u|=4))):k[o]=null;if(M){for(p=[],_=[],o=0;o<s;o++)if((r=k[o])&&16&r.__u){for(w=0,m=p.length;w<m;)p[y=w+m>>1]<r.__i?w=y+1:m=y;p[w]=r.__i,_[o]=w+1}for(w=p.length;o--;)_[o]&&(_[o]==w?w--:k[o].__u|=4)}if(b)for(o=0;o<S;o++)!(a=n[o])||2&a.__u||(a.__e==l&&(l=hn(a)),Co(a,a));return l}function zr(e,t,n,l){var s,o,r,a;if(typeof e.type=="function"){if(e.props.__P)return t;if(s=e.__k)for(o=0;o<s.length;o++)s[o]&&(s[o].__=e,t=zr(s[o],t,n,!1));return t}for(t&&!t.parentNode&&(t=hn(e))&&!t.parentNode&&(t=null),r=e.__e,a=t;a&&a.nodeType==8;)a=a.nextSibling;for(r!=a&&(!l&&n.moveBefore&&r.parentNode?n.moveBefore(r,t):n.insertBefore(r,t||null)),t=r;(t=t&&t.nextSibling)&&t.nodeType==8&&!t.data.startsWith("$s"););return t}function Rc(e,t,n,l){var s,o=e.key,r=e.type,a=t[n],u=a&&!(2&a.__u);if(a===null&&o==null||u&&o==a.key&&r==a.type)return n;if(l>(u?1:0)){for(s=n-1;s>=0;s--)if((a=t[s])&&!(2&a.__u)&&o==a.key&&r==a.type)return s;for(s=n+1;s<t.length;s++)if((a=t[s])&&!(2&a.__u)&&o==a.key&&r==a.type)return s}return-1}function wi(e,t,n){n==null&&(n=""),t[0]=="-"?e.setProperty(t,n):e[t]=n}function jl(e,t,n,l,s){var o,r;if(t=="style")if(typeof n=="string")e.style.cssText=n;else{if(typeof l=="string"&&(e.style.cssText=l=""),l)for(t in l)n&&t in n||wi(e.style,t);if(n)for(t in n)l&&n[t]==l[t]||wi(e.style,t,n[t])}else if(t[0]=="o"&&t[1]=="n")typeof n!="function"&&(n=null),typeof l!="function"&&(l=null),(e.__e||(e.__e={}))[t]=n,n&&l||(r=to[t]||(to[t]=Fc(t)),(e.__a||(e.__a={}))[t]=wo,o=t!=(t=t.replace(Ir,"$1")),(t=t.slice(2))[0]<"a"&&(t=t.toLowerCase()),n?e.addEventListener(t,r,o):e.removeEventListener(t,r,o));else{if(s=="http://www.w3.org/2000/svg")t=t.replace(/xlink(H|:h)/,"h").replace(/sName$/,"s");else if(t!="width"&&t!="height"&&t!="href"&&t!="list"&&t!="form"&&t!="tabIndex"&&t!="download"&&t!="rowSpan"&&t!="colSpan"&&t!="role"&&t!="popover"&&t in e)try{return void(e[t]=n??"")}catch{}if(typeof n=="function")return;n==null||n===!1&&t[4]!="-"?e.removeAttribute(t):e.setAttribute(t,t=="popover"&&n==1?"":n)}}function Fc(e){return function(t){var n=this.__e;if(n){if(n=n[e],t[Yl]==null)t[Yl]=wo++;else if(t[Yl]<this.__a[e])return;return n(we.event?we.event(t):t)}}}function To(e,t,n,l,s,o,r,a,u,f){var p,_,m,y,S,b,w,M,k,D,x,Y,N,B,U,Z,P,C,V=t.type;if(t.constructor!==ls)return null;128&n.__u&&(u=32&n.__u,p=n.__c.__z)&&(t.__u|=u,_=o=[],p.nodeType==8?a=Kl(p,o):o.push(p),a=o[0]||a),(p=we.__b)&&p(t);e:if(typeof V=="function"){m=r.length;try{if(M=t.props,k=(p=V.prototype)&&p.render,D=(p=V.contextType)&&l[p.__c],x=p?D?D.props.value:p.__:l,(y=n.__c)?(t.__c=y,2&y.__g&&(y.__g|=1)):(k?t.__c=y=new V(M,x):(t.__c=y=new ql(M,x),y.constructor=V,y.render=Ic),D&&D.sub(y),y.state||(y.state={}),y.__n=l,y.__g|=8,y.__h=[],y.__k=[]),k&&(y.__s||(y.__s=y.state),V.getDerivedStateFromProps&&(y.__s==y.state&&(y.__s=An({},y.__s)),An(y.__s,V.getDerivedStateFromProps(M,y.__s)))),S=y.props,b=y.state,y.__v=t,n.__c){if(M!==S&&k&&!V.getDerivedStateFromProps&&y.componentWillReceiveProps&&y.componentWillReceiveProps(M,x),t.__v==n.__v&&!(8&y.__g)||!(4&y.__g)&&y.shouldComponentUpdate&&y.shouldComponentUpdate(M,y.__s,x)===!1){t.__v!=n.__v&&(y.props=M,y.state=y.__s,y.__g&=-9),t.__e=n.__e,t.__k=n.__k,t.__k.some(function(O){O&&(O.__=t)}),Xl.push.apply(y.__h,y.__k),y.__k=[],y.__h.length&&r.push(y),a=hn(n);break e}y.componentWillUpdate&&y.componentWillUpdate(M,y.__s,x),k&&y.componentDidUpdate&&y.__h.push(function(){y.componentDidUpdate(S,b,w)})}else k&&!V.getDerivedStateFromProps&&y.componentWillMount&&y.componentWillMount(),k&&y.componentDidMount&&y.__h.push(y.componentDidMount);y.context=x,y.props=M,y.__P=e,y.__g&=-5,Y=we.__r,N=k?25:0;do y.__g&=-9,Y&&Y(t),p=y.render(y.props,y.state=y.__s,y.context);while(8&y.__g&&++N<25);k&&(Xl.push.apply(y.__h,y.__k),y.__k=[]),y.state=y.__s,y.getChildContext&&(l=An({},l,y.getChildContext())),k&&n.__c&&y.getSnapshotBeforeUpdate&&(w=y.getSnapshotBeforeUpdate(S,b)),B=p&&p.type===ss&&p.key==null?p.props.children:p,M.__P&&(p=a,s=(e=M.__P).namespaceURI,u=o=null,n.props&&n.props.__P!=e&&(n.__k.some(function(O){O&&Co(O,O)}),n.__k=null),a=n.__k?hn(n,0):null),a=Wr(e,ko(B)?B:[B],t,n,l,s,o,r,a,u,f),M.__P&&(t.__e=null,a=p),t.__u&=-161,_&&_.some(Mn),y.__h.length&&r.push(y),1&y.__g&&(y.__g&=-4)}catch(O){if(r.length=m,t.__v=null,u||o)if(O&&O.then){if(t.__u|=128|u,o){for(~(P=o.indexOf(a||void 0))||(P=o.length);(C=o[P-1])&&C.nodeType==8;)P--;for(;P<o.length;P++)if(C=o[P])if(o[P]=null,U){if(C==Z)break}else{if(C.nodeType!=8)break;C.data.startsWith("$s")&&(Z=Kl(U=C))}}if(!U){for(;a&&a.nodeType==8&&a.nextSibling;)a=a.nextSibling;U=a}(p=Kl(U=t.__c.__z||(t.__c.__z=U)))?(t.__e=U,a=p):t.__e=a,a=a&&a.nextSibling}else o&&o.some(Mn);else t.__e=n.__e;t.__k||(t.__k=n.__k||[]),O&&O.then||Ur(t),we.__e(O,t,n)}}else a=t.__e=Hc(n.__e,t,n,l,s,o,r,u,f,e);return(p=we.diffed)&&p(t),a}function Kl(e,t){if(e&&e.nodeType==8&&e.data.startsWith("$s"))for(var n=1;e=e.nextSibling;){if(e.nodeType==8){if(e.data.startsWith("$s"))n++;else if(e.data.startsWith("/$s")&&!--n)return e}t&&t.push(e)}}function Ur(e){e&&(e.__c&&(e.__c.__g|=4),e.__k&&e.__k.some(Ur))}function Gr(e,t,n){for(var l=0;l<n.length;)xo(n[l++],n[l++],n[l++]);we.__c&&we.__c(t,e),e.some(function(s){try{e=s.__h,s.__h=[],e.some(function(o){o.call(s)})}catch(o){we.__e(o,s.__v)}})}function Hc(e,t,n,l,s,o,r,a,u,f){var p,_,m,y,S,b,w,M,k=n.props||Ql,D=t.props,x=t.type;if(x=="svg"?s="http://www.w3.org/2000/svg":x=="math"?s="http://www.w3.org/1998/Math/MathML":s||(s="http://www.w3.org/1999/xhtml"),o){for(p=0;p<o.length;p++)if((S=o[p])&&(x?S.localName==x:S.nodeType==3)){e=S,o[p]=null;break}}if(!e){if(M=f.ownerDocument||document,!x)return M.createTextNode(D);e=M.createElementNS(s,x,D.is?D:f),a&&(we.__m&&we.__m(t,o),a=!1),o=null}if(x){if(f=x=="template"&&e.content||e,o=x=="textarea"&&D.defaultValue!=null?null:o&&So.call(f.childNodes),!a&&o)for(k={},p=0;p<e.attributes.length;p++)k[(S=e.attributes[p]).name]=S.value;for(p in k)S=k[p],p=="dangerouslySetInnerHTML"?m=S:p=="children"||p in D||p=="value"&&"defaultValue"in D||p=="checked"&&"defaultChecked"in D||jl(e,p,null,S,s);for(p in D)S=D[p],p=="children"?y=S:p=="dangerouslySetInnerHTML"?_=S:p=="value"?b=S:p=="checked"?w=S:a&&typeof S!="function"||k[p]===S||jl(e,p,S,k[p],s);_?(a||m&&(_.__html==m.__html||_.__html==e.innerHTML)||(e.innerHTML=_.__html),t.__k=[]):(m&&(e.textContent=""),(x=="foreignObject"||s=="http://www.w3.org/1998/Math/MathML"&&Dc.test(x))&&(s="http://www.w3.org/1999/xhtml"),Wr(f,ko(y)?y:[y],t,n,l,s,o,r,o?o[0]:n.__k&&hn(n,0),a,u),o&&o.some(Mn)),a&&x!="textarea"||(p="value",x=="progress"&&b==null?e.removeAttribute(p):b==null||b===e[p]&&(x!="progress"||b)||jl(e,p,b,k[p],s),p="checked",w!=null&&w!=e[p]&&jl(e,p,w,k[p],s))}else k===D||a&&e.data==D||(e.data=D);return e}function xo(e,t,n,l){try{typeof e=="function"?t?t.__x=e(t)||1:l&&(l=l.__c||l.__e)&&(t=l.__x)&&(l.__x=null,typeof t=="function"?t():e(null)):e.current=t}catch(s){we.__e(s,n)}}function Co(e,t,n){var l,s,o,r;if(we.unmount&&we.unmount(e),!(l=e.ref)||l.current&&l.current!=e.__e||xo(l,null,t,e),l=e.__c){if(l.componentWillUnmount)try{l.componentWillUnmount()}catch(a){we.__e(a,t)}l.__P=l.__n=null}if(l=e.__k)for(r=0;r<l.length;r++)l[r]&&Co(l[r],t,typeof e.type!="function"||n&&!e.props.__P);!n&&(l=e.__c)&&(l=l.__z)&&(s=Kl(l,o=[]))&&(l==e.__e&&o.some(Mn),Mn(s),Mn(l)),n||Mn(e.__e),e.__e=e.__c=e.__=null}function Ic(e,t,n){return this.constructor(e,n)}function jc(e,t){var n,l,s,o;we.__&&we.__(e,t),t.nodeType==9&&(t=t.documentElement),l=(n=e&&32&e.__u)?null:t.__k,t.__k=kl(ss,{children:[e]}),s=[],o=[],To(t,t.__k,l||Ql,Ql,t.namespaceURI,l?null:t.firstChild?So.call(t.childNodes):null,s,l?l.__e:t.firstChild,n,o),Gr(s,t.__k,o),t.__k.props.children=null}we={__e:function(e,t,n,l){for(var s,o,r;t=t.__;)if((s=t.__c)&&!(1&s.__g)){s.__g|=4;try{if((r=(o=s.constructor)&&o.getDerivedStateFromError)&&s.setState(o.getDerivedStateFromError(e)),s.componentDidCatch&&(s.componentDidCatch(e,l||{}),r=1),r&&8&s.__g)return void(s.__g|=2)}catch(a){e=a}}throw Zl=0,e}},Fr=0,ql.prototype.setState=function(e,t){var n=this.__s;n&&n!=this.state||(n=this.__s=An({},this.state)),typeof e=="function"&&(e=e(An({},n),this.props)),e&&(An(n,e),this.__v&&(t&&this.__k.push(t),bi(this)))},ql.prototype.forceUpdate=function(e){this.__v&&(this.__g|=4,e&&this.__h.push(e),bi(this))},ql.prototype.render=ss,un=[],Zl=0,Hr=function(e,t){return e.__v.__b-t.__v.__b},Yl=Symbol(),Ir=/(PointerCapture)$|Capture$/i,wo=0,to={};var nl,Fe,js,ki,no=Object.is,Cl=0,Br=[],lo=[],Re=we,Si=Re.__b,Ti=Re.__r,xi=Re.diffed,Ci=Re.__c,Ei=Re.unmount,Mi=Re.__;function os(e,t){Re.__h&&Re.__h(Fe,e,Cl||t),Cl=0;var n=Fe.__H||(Fe.__H={__:[],__h:[]});return e>=n.__.length&&n.__.push({}),n.__[e]}function le(e){return Cl=1,Vc(qr,e)}function Vc(e,t,n){var l=os(nl++,2);if(l.t=e,!l.__c&&(l.__=[qr(void 0,t),function(o){var r=(l.__N||l.__)[0],a=l.t(r,o);no(r,a)||(l.__N=[a,l.__[1]],l.__c.setState({}))}],l.__c=Fe,!Fe.__f)){Fe.__f=!0;var s=Fe.shouldComponentUpdate;Fe.shouldComponentUpdate=function(o,r,a){var u=this.__H;if(!u)return!0;var f=!1,p=this.props!=o;if(u.__.some(function(m){m.__N&&(f=!0,no(m.__[0],m.__N[0])||(p=!0))}),s){var _=s.call(this,o,r,a);return f?_||p:_}return!f||p}}return l.__}function Yt(e,t){var n=os(nl++,3);!Re.__s&&Yr(n.__H,t)&&(n.__P=!0,n.__=e,n.u=t,Fe.__H.__h.push(n))}function is(e){return Cl=5,Eo(function(){return{current:e}},[])}function Eo(e,t){var n=os(nl++,7);return Yr(n.__H,t)&&(n.__=e(),n.__H=t),n.__}function Wc(e,t){return Cl=8,Eo(function(){return e},t)}function rs(){var e=os(nl++,11);if(!e.__){for(var t=Fe.__v;!t.__m&&t.__;)t=t.__;var n=t.__m||(t.__m=[0,0]);e.__="P"+n[0]+"-"+n[1]++}return e.__}function zc(){var e;do{for(;e=lo.shift();)try{Sl(e)}catch(n){Re.__e(n,{__:(e=e.__P)&&e.__v})}for(;e=Br.shift();){var t=e.__H;if(e.__P&&t)try{t.__h.some(Sl),t.__h.some(so),t.__h=[]}catch(n){t.__h=[],Re.__e(n,e.__v)}}}while(lo.length)}Re.__b=function(e){Fe=null,Si&&Si(e)},Re.__=function(e,t){e&&t.__k&&t.__k.__m&&(e.__m=t.__k.__m),Mi&&Mi(e,t)},Re.__r=function(e){Ti&&Ti(e),nl=0;var t=(Fe=e.__c).__H;t&&(js==Fe?Fe.__h=[]:(t.__h.some(Sl),t.__h.some(so),nl=0),t.__h=[],t.__.some(function(n){n.__N&&(n.__=n.__N),n.u=n.__N=void 0})),js=Fe},Re.diffed=function(e){xi&&xi(e);var t=e.__c;t&&t.__H&&(t.__H.__h.length&&Pi(Br.push(t)),t.__H.__.some(function(n){n.u&&(n.__H=n.u)})),js=Fe=null},Re.__c=function(e,t){t.some(function(n){try{n.__h.some(Sl),n.__h=n.__h.filter(function(l){return!l.__||so(l)})}catch(l){n.__h=[function(){throw l}]}}),Ci&&Ci(e,t)},Re.unmount=function(e){Ei&&Ei(e);var t,n,l=e.__c;l&&l.__H&&(l.__H.__.some(function(s){try{if(s.__P&&s.__c){if(n===void 0){for(n=e.__;n&&(!n.__c||!n.__c.__P);)n=n.__;n=n&&n.__c}s.__P=n,Pi(lo.push(s))}else Sl(s)}catch(o){t=o}}),l.__H=void 0,t&&Re.__e(t,l.__v))};var Ai=typeof requestAnimationFrame=="function";function Uc(e){var t,n=function(){clearTimeout(l),Ai&&cancelAnimationFrame(t),setTimeout(e)},l=setTimeout(n,35);Ai&&(t=requestAnimationFrame(n))}function Pi(e){e!=1&&ki==Re.requestAnimationFrame||((ki=Re.requestAnimationFrame)||Uc)(zc)}function Sl(e){var t=Fe,n=e.__c;typeof n=="function"&&(e.__c=void 0,n()),Fe=t}function so(e){var t=Fe;e.__c=e.__(),Fe=t}function Yr(e,t){return!e||e.length!=t.length||t.some(function(n,l){return!no(n,e[l])})}function qr(e,t){return typeof t=="function"?t(e):t}const oo="recfunnel.key",Gc=new URL("../",document.baseURI);class Di extends Error{constructor(t,n,l=null){super(n),this.status=t,this.field=l}}const io=()=>sessionStorage.getItem(oo)||"";function Kr(e){e?sessionStorage.setItem(oo,e):sessionStorage.removeItem(oo)}function Bc(e,t){const n=new URL(e.replace(/^\//,""),Gc);for(const[l,s]of Object.entries(t||{}))s!==""&&s!==null&&s!==void 0&&n.searchParams.set(l,s);return n}async function $n(e,t,{params:n,body:l,accept:s=[]}={}){const o={Accept:"application/json"};io()&&(o["X-API-Key"]=io()),l!==void 0&&(o["Content-Type"]="application/json");let r;try{r=await fetch(Bc(t,n),{method:e,headers:o,body:l===void 0?void 0:JSON.stringify(l),cache:"no-store",credentials:"omit"})}catch{throw new Di(0,"The service cannot be reached. Does it run?")}const a=await r.text(),u=a?Yc(a):null;if(!r.ok&&!s.includes(r.status))throw new Di(r.status,u?.error?.message||`The answer is ${r.status}.`,u?.error?.field);return u}function Yc(e){try{return JSON.parse(e)}catch{return null}}const xe=(e,t,n)=>$n("GET",e,{params:t,...n}),tn=(...e)=>"/"+e.map(encodeURIComponent).join("/");var Jr=function(e,t,n,l){var s;t[0]=0;for(var o=1;o<t.length;o++){var r=t[o++],a=t[o]?(t[0]|=r?1:2,n[t[o++]]):t[++o];r===3?l[0]=a:r===4?l[1]=Object.assign(l[1]||{},a):r===5?(l[1]=l[1]||{})[t[++o]]=a:r===6?l[1][t[++o]]+=a+"":r?(s=e.apply(a,Jr(e,a,n,["",null])),l.push(s),a[0]?t[0]|=2:(t[o-2]=0,t[o]=s)):l.push(a)}return l},Li=new Map;function qc(e){var t=Li.get(this);return t||(t=new Map,Li.set(this,t)),(t=Jr(this,t.get(e)||(t.set(e,t=(function(n){for(var l,s,o=1,r="",a="",u=[0],f=function(m){o===1&&(m||(r=r.replace(/^\s*\n\s*|\s*\n\s*$/g,"")))?u.push(0,m,r):o===3&&(m||r)?(u.push(3,m,r),o=2):o===2&&r==="..."&&m?u.push(4,m,0):o===2&&r&&!m?u.push(5,0,!0,r):o>=5&&((r||!m&&o===5)&&(u.push(o,0,r,s),o=6),m&&(u.push(o,m,0,s),o=6)),r=""},p=0;p<n.length;p++){p&&(o===1&&f(),f(p));for(var _=0;_<n[p].length;_++)l=n[p][_],o===1?l==="<"?(f(),u=[u],o=3):r+=l:o===4?r==="--"&&l===">"?(o=1,r=""):r=l+r[0]:a?l===a?a="":r+=l:l==='"'||l==="'"?a=l:l===">"?(f(),o=1):o&&(l==="="?(o=5,s=r,r=""):l==="/"&&(o<5||n[p][_+1]===">")?(f(),o===3&&(u=u[0]),o=u,(u=u[0]).push(2,0,o),o=0):l===" "||l==="	"||l===`
`||l==="\r"?(f(),o=2):r+=l),o===3&&r==="!--"&&(o=4,u=u[0])}return f(),u})(e)),t),arguments,[])).length>1?t:t[0]}const d=qc.bind(Lc),Kc=new Intl.NumberFormat("en"),J=e=>e==null?"–":Kc.format(Math.round(e)),Pe=(e,t=3)=>e==null||!Number.isFinite(e)?"–":String(+e.toFixed(t)),Bt=(e,t=1)=>e==null||!Number.isFinite(e)?"–":`${(100*e).toFixed(t)} %`,Qt=e=>e==null?"–":e>0&&e<.05?"< 0.1 ms":`${Pe(e,e<10?1:0)} ms`,Jc=e=>e>=.1?`${Pe(e,1)} a second`:`${Pe(e*3600,1)} an hour`,Zc=e=>(e>0?"+":e<0?"−":"")+Pe(Math.abs(e));function _t(e){if(e==null)return"–";const t=new Date(e*1e3),n=s=>String(s).padStart(2,"0");return`${`${t.getFullYear()}-${n(t.getMonth()+1)}-${n(t.getDate())}`} ${n(t.getHours())}:${n(t.getMinutes())}`}function Zr(e,t=Date.now()/1e3){const n=Math.max(0,t-e),l=[[86400,"day"],[3600,"hour"],[60,"minute"]];for(const[s,o]of l){const r=Math.floor(n/s);if(r)return`${r} ${o}${r===1?"":"s"}`}return"less than a minute"}function Qc(e){return e==null?"–":e<1e6?`${Math.round(e/1e3)} kB`:`${Pe(e/1e6,1)} MB`}const Ae=e=>e==null||e===""?"–":Array.isArray(e)?e.join(", "):typeof e=="object"?JSON.stringify(e):String(e);function He(e,t){const[n,l]=le({data:null,error:null,loading:!0}),[s,o]=le(0);Yt(()=>{let a=!0;const u=e();if(!u){l({data:null,error:null,loading:!1});return}return l(f=>({...f,error:null,loading:!0})),u.then(f=>a&&l({data:f,error:null,loading:!1}),f=>a&&l({data:null,error:f,loading:!1})),()=>{a=!1}},[...t,s]);const r=Wc(()=>o(a=>a+1),[]);return{...n,reload:r}}function Ie({of:e,children:t,what:n=""}){return e.error?d`<${qt} error=${e.error} retry=${e.reload} what=${n} />`:e.data===null?e.loading?d`<p class="muted loading" role="status">Loading…</p>`:null:t(e.data)}function qt({error:e,retry:t,what:n}){return d`<div class="notice bad" role="alert">
    <strong>${{403:"Your key may not do this",404:"Not found",503:"Not available now"}[e.status]||"This did not work"}${n&&` (${n})`}</strong>
    <p>${e.message}</p>
    ${t&&e.status!==403&&d`<button type="button" onClick=${t}>Try again</button>`}
  </div>`}const De=({children:e})=>d`<p class="muted empty">${e}</p>`,Nt=({name:e,value:t,note:n,bad:l})=>d`<div class=${`tile${l?" bad":""}`}>
  <dt>${e}</dt>
  <dd>${t}</dd>
  ${n&&d`<dd class="note">${n}</dd>`}
</div>`,Le=({kind:e,children:t})=>d`<span class=${`badge ${e||""}`}>${t}</span>`;function _e({caption:e,columns:t,rows:n,empty:l="Nothing yet.",hideCaption:s}){return n.length?d`<div class="scroll" tabindex="0" role="region" aria-label=${e}>
    <table>
      <caption class=${s?"hidden":""}>${e}</caption>
      <thead>
        <tr>${t.map(([o,,r])=>d`<th scope="col" class=${r}>${o}</th>`)}</tr>
      </thead>
      <tbody>
        ${n.map(o=>d`<tr>
            ${t.map(([,r,a])=>d`<td class=${a}>${r(o)}</td>`)}
          </tr>`)}
      </tbody>
    </table>
  </div>`:d`<${De}>${l}<//>`}const Ml=({share:e,kind:t})=>d`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
  <rect class="track" width="100" height="8" rx="2" />
  <rect class=${`fill ${t||""}`} width=${Math.max(0,Math.min(100,100*e))} height="8" rx="2" />
</svg>`;function $e({label:e,hint:t,children:n,...l}){const s=rs();return d`<div class="field">
    <label for=${s}>${e}</label>
    ${n?n(s):d`<input id=${s} ...${l} aria-describedby=${t?`${s}-hint`:void 0} />`}
    ${t&&d`<small id=${`${s}-hint`}>${t}</small>`}
  </div>`}function nn(e){return e.preventDefault(),Object.fromEntries(new FormData(e.currentTarget))}function Xc({value:e,suggest:t}){const n=rs(),[l,s]=le(e||""),[o,r]=le([]);return Yt(()=>{const a=setTimeout(()=>t(l).then(r,()=>r([])),200);return()=>clearTimeout(a)},[l]),d`<${$e}
      label="User"
      name="user"
      required
      maxlength="256"
      autocomplete="off"
      list=${n}
      value=${l}
      onInput=${a=>s(a.currentTarget.value)}
    />
    <datalist id=${n}>${o.map(a=>d`<option value=${a} />`)}</datalist>`}const eu=({overview:e,options:t})=>d`
  <${$e} label="Scene">
    ${n=>d`<select id=${n} name="scene">
      ${e.scenes.map(l=>d`<option value=${l} selected=${l===(t.scene||"home")}>${l}</option>`)}
    </select>`}
  <//>
  <${$e} label="Filter" name="filter" maxlength="500" value=${t.filter||""} placeholder=${'category == "Drama"'} />
  <${$e} label="Items" name="k" type="number" min="1" max=${e.k_max} value=${t.k||10} />
`,tu={passed:"good",refused:"bad",forced:"warn"},nu={passed:"good",failed:"bad",unclear:"warn"},ro="admin",lu=/^(ndcg|recall|hit|coverage|mrr|map)/i;function su({bundle:e}){return d`
    ${e.fault&&d`<p class="notice bad">${e.fault}</p>`}
    <${_e}
      caption=${`What the gate compared ${e.version} with`}
      empty="The gate did not run."
      rows=${e.checks||[]}
      columns=${[["against",t=>t.baseline],["users",t=>`${J(t.user_count)} ${t.users.replace("_",", ")}`],["outcome",t=>d`<${Le} kind=${nu[t.outcome]}>${t.outcome}<//>`],["",t=>t.explanation,"wide"]]}
    />
  `}function Vs(e,t){return[...new Set([...Object.keys(e||{}),...Object.keys(t||{})])].sort().filter(l=>JSON.stringify(e?.[l])!==JSON.stringify(t?.[l]))}function ou({bundles:e}){const t=e.filter(f=>!f.fault),[n,l]=le([0,1]);if(t.length<2)return d`<${De}>There is one bundle, and nothing to compare it with.<//>`;const[s,o]=n.map(f=>t[f]),r=f=>p=>l(n.map((_,m)=>m===f?p.currentTarget.selectedIndex:_)),a=Vs(s.metrics,o.metrics).filter(f=>lu.test(f)),u=f=>[["",p=>p],[s.version,p=>f(s,p),"n"],[o.version,p=>f(o,p),"n"]];return d`
    <div class="controls">
      ${["One bundle","Another"].map((f,p)=>d`<${$e} label=${f}>
          ${_=>d`<select id=${_} onChange=${r(p)}>
            ${t.map((m,y)=>d`<option value=${m.version} selected=${y===n[p]}>${m.version}</option>`)}
          </select>`}
        <//>`)}
    </div>
    <${_e} caption="Metrics that differ" empty="The metrics are the same." rows=${a} columns=${u((f,p)=>Pe(f.metrics?.[p]))} />
    <${_e}
      caption="Rows that differ"
      empty="Both have the same numbers of users, items and events."
      rows=${Vs(s.rows,o.rows)}
      columns=${u((f,p)=>J(f.rows?.[p]))}
    />
    <${_e}
      caption="Settings that differ"
      empty="They were trained with the same settings."
      rows=${Vs(s.settings,o.settings)}
      columns=${u((f,p)=>Ae(f.settings?.[p]))}
    />
  `}function iu({bundle:e,onDone:t}){const n=is(null),[l,s]=le(null),o=async()=>{n.current.close(),s(null);try{await $n("POST",tn("bundles",e.version,"activate")),t(e.version)}catch(r){s(r)}};return d`
    <button type="button" onClick=${()=>n.current.showModal()} aria-label=${`Activate ${e.version}`}>Activate</button>
    <dialog ref=${n} aria-label=${`Put ${e.version} into service`}>
      <p>Put <code>${e.version}</code> into service? Every worker loads it within some seconds.</p>
      ${e.gate==="refused"&&d`<p class="notice warn">The gate refused this bundle.</p>`}
      <p class="row">
        <button type="button" class="main" onClick=${o}>Put it into service</button>
        <button type="button" onClick=${()=>n.current.close()}>Leave it</button>
      </p>
    </dialog>
    ${l&&d`<${qt} error=${l} />`}
  `}function ru({bundles:e,canActivate:t,overview:n,reload:l}){const[s,o]=le(e.find(m=>m.in_service)?.version||e[0]?.version),[r,a]=le(""),u=t&&n.roles.includes(ro),f=m=>{a(m),l()},p=m=>m.in_service?d`<${Le} kind="good">in service<//>`:u&&!m.fault?d`<${iu} bundle=${m} onDone=${f} />`:"",_=e.find(m=>m.version===s);return d`
    ${!t&&d`<p class="muted">This service may only read the folder of bundles: run recfunnel rollback --to where they are trained.</p>`}
    ${r&&d`<p class="notice good" role="status">${r} is put into service.</p>`}
    <${_e}
      caption="Bundles, newest first"
      hideCaption
      empty="There is no bundle. Train one with recfunnel train."
      rows=${e}
      columns=${[["version",m=>d`<button type="button" class="link" aria-pressed=${m.version===s} onClick=${()=>o(m.version)}>
            ${m.version}
          </button>`],["made",m=>_t(m.created)],["data",m=>Ae(m.dataset)],["NDCG@10",m=>Pe(m.ndcg?.mean),"n"],["gate",m=>d`<${Le} kind=${m.fault?"bad":tu[m.gate]}>${m.fault?"damaged":m.gate||"–"}<//>`],["size",m=>Qc(m.bytes),"n"],["",p]]}
    />
    ${_&&d`<h2>The gate</h2><${su} bundle=${_} />`}
    <h2>Compare</h2>
    <${ou} bundles=${e} />
  `}function au({overview:e,reload:t}){const n=He(()=>xe("/bundles"),[]),l=()=>{n.reload(),t()};return d`
    ${!e.roles.includes(ro)&&d`<p class="muted">To activate a bundle, use a key with the role ${ro}.</p>`}
    <${Ie} of=${n} what="bundles">
      ${s=>d`<${ru} bundles=${s.bundles} canActivate=${s.can_activate} overview=${e} reload=${l} />`}
    <//>
  `}function Ni(){const[e,t=""]=location.hash.replace(/^#\/?/,"").split("?");return{page:e||"overview",options:Object.fromEntries(new URLSearchParams(t))}}function Rt(e,t={}){const n=Object.entries(t).filter(([,s])=>s!==""&&s!==void 0),l=new URLSearchParams(n).toString();return`#/${e}${l?`?${l}`:""}`}const Mo=(e,t)=>{location.hash=Rt(e,t)};function cu(){const[e,t]=le(Ni);return Yt(()=>{const n=()=>t(Ni());return addEventListener("hashchange",n),()=>removeEventListener("hashchange",n)},[]),e}const uu=2e3,ao={problem:["bad","correct this"],limit:["warn","limited"],good:["good","works"]},fu=Object.keys(ao),du={waiting:"An examination is requested. It begins within seconds, or when the training that runs has ended.",running:"An examination runs."},hu=e=>fu.flatMap(t=>e.filter(n=>n.level===t));function pu({found:e}){const[t,,n,,,l]=e.events_per_user,s=[["users",`${J(e.users)}, ${J(e.idle_users)} without interactions`],["items",`${J(e.items)}, ${J(e.idle_items)} without interactions`],["interactions",J(e.interactions)],["time",e.first===null?"no timestamps":`${_t(e.first)} to ${_t(e.last)}`],["density",Bt(e.density,3)],["positive, negative",`${Bt(e.positive)}, ${Bt(e.negative)}`],["events per user",e.events_per_user.length?`${Pe(t,0)} to ${Pe(l,0)}, median ${Pe(n,1)}`:"none"]];return d`<dl class="facts">${s.map(([o,r])=>d`<dt>${o}</dt><dd>${r}</dd>`)}</dl>`}function $u({found:e}){const t=e.files.reduce((n,l)=>n+l.bad,0);return d`
    <${_e}
      caption="Findings"
      empty="Nothing was found."
      rows=${hu(e.findings)}
      columns=${[["",n=>d`<${Le} kind=${ao[n.level][0]}>${ao[n.level][1]}<//>`],["finding",n=>n.text,"sentence"]]}
    />
    <${pu} found=${e} />
    <${_e}
      caption="Rows of each file"
      empty="No files were read: the events are those of the archive."
      rows=${e.files}
      columns=${[["file",n=>n.file],["rows",n=>J(n.rows),"n"],["used",n=>J(n.good),"n"],["refused",n=>J(n.bad),"n"],["duplicates",n=>J(n.duplicates),"n"]]}
    />
    ${t>0&&d`<${_e}
      caption=${t>e.bad_rows.length?`The first ${e.bad_rows.length} of ${J(t)} refused rows`:"Refused rows"}
      rows=${e.bad_rows}
      columns=${[["file",n=>n.file],["line",n=>J(n.line),"n"],["reason",n=>n.reason,"sentence"],["row",n=>d`<code>${n.text}</code>`,"sentence"]]}
    />`}
    ${e.columns.length>0&&d`<details>
      <summary>Which column is read as what</summary>
      <${_e}
        caption="Columns that are read"
        hideCaption
        rows=${e.columns}
        columns=${[["file",n=>n.file],["column",n=>n.column],["read as",n=>n.field]]}
      />
    </details>`}
  `}function mu({data:e,reload:t}){const[n,l]=le(null),s=e.state!=="none";Yt(()=>{if(!s)return;const u=setInterval(t,uu);return()=>clearInterval(u)},[s]);const o=async()=>{l(null);try{await $n("POST","/doctor"),t()}catch(u){l(u)}},r=e.data?d`<code>${e.data}</code>`:"the archived events",a=e.training_id?`the training ${e.training_id}, archived events included`:"recfunnel doctor";return d`
    ${e.unavailable?d`<p class="notice warn">${e.unavailable}</p>`:d`<button type="button" disabled=${s} onClick=${o}>Examine now</button>`}
    ${n&&d`<${qt} error=${n} />`}
    ${s&&d`<p class="muted" role="status">${du[e.state]}</p>`}
    ${e.examined===null?d`<${De}>The data were not examined yet. Each training does so.<//>`:d`<p class="muted">${r}, read by ${a}: ${Zr(e.examined)} ago.</p>`}
    ${e.error&&d`<div class="notice bad" role="alert"><strong>The data cannot be read</strong><p>${e.error}</p></div>`}
    ${e.diagnosis&&d`<${$u} found=${e.diagnosis} />`}
  `}function _u(){const e=He(()=>xe("/doctor"),[]);return d`<${Ie} of=${e} what="data">
    ${t=>d`<${mu} data=${t} reload=${e.reload} />`}
  <//>`}const gu=5e3,yu={published:"good",running:"info",waiting:"info",refused:"warn",failed:"bad"},Ws=["waiting","running"];function vu({id:e}){const t=He(()=>xe(tn("trainings",e)),[e]);return d`<${Ie} of=${t} what="log">
    ${({log:n,reason:l})=>d`
      ${l&&d`<p class="notice warn">${l}</p>`}
      ${n.length?d`<pre tabindex="0" role="region" aria-label=${`Log of ${e}`}>${n.join(`
`)}</pre>`:d`<${De}>Its log is empty.<//>`}
    `}
  <//>`}function bu({data:e,reload:t}){const[n,l]=le(""),[s,o]=le(null),r=e.trainings.some(u=>Ws.includes(u.state));Yt(()=>{if(!r)return;const u=setInterval(t,gu);return()=>clearInterval(u)},[r]);const a=async(u,f,p)=>{o(null);try{await $n(u,f,{body:p}),t()}catch(_){o(_)}};return d`
    <p class="muted">
      ${e.schedule?`By schedule: ${e.schedule}, next at ${_t(e.next)}.`:"No schedule."}
    </p>
    ${e.unavailable?d`<p class="notice warn">${e.unavailable}</p>`:d`<button type="button" disabled=${r} onClick=${()=>a("POST","/trainings",{})}>Train now</button>`}
    ${s&&d`<${qt} error=${s} />`}
    <${_e}
      caption="Trainings, newest first"
      hideCaption
      empty="None yet."
      rows=${e.trainings}
      columns=${[["requested",u=>_t(u.requested),"when"],["by",u=>Ae(u.by)],["state",u=>d`<${Le} kind=${yu[u.state]}>${u.state}<//>`],["phase",u=>Ws.includes(u.state)?`${Ae(u.phase)} ${Bt(u.progress,0)}`:Ae(u.phase)],["seconds",u=>J(u.seconds),"n"],["gate",u=>Ae(u.gate)],["bundle",u=>Ae(u.bundle)],["",u=>d`<span class="row">
            <button
              type="button"
              aria-pressed=${n===u.training_id}
              aria-label=${`Log of ${u.training_id}`}
              onClick=${()=>l(n===u.training_id?"":u.training_id)}
            >
              Log
            </button>
            ${Ws.includes(u.state)&&d`<button
              type="button"
              disabled=${u.cancelling}
              aria-label=${`Cancel ${u.training_id}`}
              onClick=${()=>a("DELETE",tn("trainings",u.training_id))}
            >
              Cancel
            </button>`}
          </span>`]]}
    />
    ${n&&d`<${vu} key=${n+r} id=${n} />`}
  `}function wu(){const e=He(()=>xe("/trainings"),[]);return d`<${Ie} of=${e} what="trainings">
    ${t=>d`<${bu} data=${t} reload=${e.reload} />`}
  <//>`}const ku=5e3,Su={accepted:"stored",out_of_order:"stored, older than the user's newest event",too_old:"stored and counted; the full history has no room for it",duplicate:"sent again, no effect",trained:"in the data of the bundle already",invalid:"refused: not valid",type:"refused: the type is not configured",future:"refused: from the future",lost:"not stored by Redis, answered with 503"},Oi=["invalid","type","future","lost"],Ri="write",Vl="admin";function Tu({total:e}){const t=e.events.reduce((n,l)=>n+l.n,0);return d`
    <${_e}
      caption="Events of the last 24 hours"
      empty="No event came in the last 24 hours."
      rows=${e.events}
      columns=${[["type",n=>n.labels[0]],["outcome",n=>d`<${Le} kind=${Oi.includes(n.labels[1])?"bad":""}>${n.labels[1]}<//> ${Su[n.labels[1]]||""}`],["events",n=>J(n.n),"n"],["share",n=>d`<${Ml} share=${n.n/t} kind=${Oi.includes(n.labels[1])?"bad":""} /> ${Bt(n.n/t)}`]]}
    />
    <${_e}
      caption="Requests refused before they were read, in the last 24 hours"
      empty="No request was refused for its key, its role, its rate or its host."
      rows=${e.refused_requests}
      columns=${[["reason",n=>n.labels[0]],["requests",n=>J(n.n),"n"]]}
    />
  `}function xu(){const[e,t]=le(!1),n=He(()=>xe("/events",{limit:25}),[]);return Yt(()=>{if(!e)return;const l=setInterval(n.reload,ku);return()=>clearInterval(l)},[e]),d`
    <div class="row">
      <button type="button" onClick=${n.reload}>Look again</button>
      <label><input type="checkbox" checked=${e} onChange=${l=>t(l.currentTarget.checked)} /> every 5 seconds</label>
    </div>
    <${Ie} of=${n} what="events">
      ${({events:l})=>d`<${_e}
        caption="The newest events, the last one stored first"
        hideCaption
        empty="No event is stored. Send one with POST /events."
        rows=${l}
        columns=${[["when",s=>_t(s.timestamp),"when"],["user",s=>d`<a href=${Rt("try",{user:s.user_id})}>${s.user_id}</a>`],["type",s=>s.type],["item",s=>d`<a href=${Rt("items",{id:s.item_id})}>${s.item_id}</a>`],["value",s=>Pe(s.value,2),"n"],["list",s=>s.request_id?d`<code>${s.request_id.slice(0,8)}</code> at ${s.position??"–"}`:"–"],["context",s=>Object.keys(s.context).length?Ae(s.context):"–"]]}
      />`}
    <//>
  `}function Cu({overview:e}){const t=He(()=>xe("/activity",{hours:24}),[]);return d`
    <h2>Events</h2>
    <${Ie} of=${t} what="events">${({total:n})=>d`<${Tu} total=${n} />`}<//>
    <h2>Trainings</h2>
    ${e.roles.includes(Vl)?d`<${wu} />`:d`<${De}>Trainings need a key with the role ${Vl}.<//>`}
    <h2>Data of trainings</h2>
    ${e.roles.includes(Vl)?d`<${_u} />`:d`<${De}>What is in the data needs a key with the role ${Vl}.<//>`}
    <h2>The newest events</h2>
    ${e.roles.includes(Ri)?d`<${xu} />`:d`<${De}>Events of users need a key with the role ${Ri}.<//>`}
  `}const[Fi,Qr,Gt,Wl,Hi]=[920,340,34,12,4],Ii=Qr-Gt-10;function ji(e,t,n,l,s,o){const r=(e+l)/2,a=(u,f,p)=>`${r},${u} ${r},${f} ${p},${f}`;return`M${e},${t} C${a(t,s,l)} L${l},${o} C${a(o,n,e)} Z`}function Eu({steps:{channels:e,kept:t}}){const n=e.filter(b=>b.left>0),l=n.reduce((b,w)=>b+w.left,0);if(!l||t.length<2)return null;const s=Hi*(n.length-1),o=(Ii-s)/l,r=Ii/Math.max(...t.map(b=>b.n),1),a=175,u=(Fi-a-70)/t.length,f=b=>a+u*(b+1);let p=Gt,_=Gt;const m=t[0].n*r/l,y=n.map(b=>{const[w,M]=[b.left*o,b.left*m],k={channel:b,top:p,height:w,path:ji(a+Wl,p,p+w,f(0),_,_+M)};return p+=w+Hi,_+=M,k}),S=`${e.length} channels proposed ${l} items; ${t.map(b=>`${b.name} ${b.n}`).join(", ")}.`;return d`<figure class="sankey">
    <svg viewBox=${`0 0 ${Fi} ${Qr}`} role="img" aria-label=${S}>
      ${y.map(({channel:b,top:w,height:M,path:k})=>d`<g>
          <path class="flow" d=${k} />
          <rect class="node" x=${a} y=${w} width=${Wl} height=${Math.max(1,M)} />
          <text x=${a-8} y=${w+M/2+4} text-anchor="end">${b.name} ${J(b.left)} · ${Qt(b.ms)}</text>
        </g>`)}
      ${t.map((b,w)=>{const M=Math.max(2,b.n*r),k=t[w+1],D=b.outcome&&b.outcome!=="ok"?"node bad":"node";return d`<g>
          ${k&&d`<path class="flow" d=${ji(f(w)+Wl,Gt,Gt+Math.max(2,k.n*r),f(w+1),Gt,Gt+Math.max(2,k.n*r))} />`}
          <rect class=${D} x=${f(w)} y=${Gt} width=${Wl} height=${M} />
          <text class="strong" x=${f(w)} y=${Gt-18}>${b.name}</text>
          <text x=${f(w)} y=${Gt-5}>${J(b.n)}${b.ms===null?"":` · ${Qt(b.ms)}`}</text>
        </g>`})}
    </svg>
    <figcaption class="muted">The height is the number of candidates.</figcaption>
  </figure>`}const Xr=/^(image|picture|poster|thumbnail|cover|photo)(_?url)?$/i,ea=/^(price|cost)$/i,ta=e=>e.filter(t=>t==="category"||t==="year"||Xr.test(t)||ea.test(t)).join(",");function co(e){const t=Object.keys(e||{}).find(l=>Xr.test(l)),n=t&&e[t];return typeof n=="string"&&n?n:null}const na=e=>!/^([a-z][a-z\d+.-]*:|\/\/)/i.test(e);function Mu(e,t){const n=co(e);if(!n)return null;if(na(n))return t?t.replace(/\/+$/,"")+"/"+n.replace(/^\/+/,""):null;const l=n.startsWith("//")?`https:${n}`:n;return l.startsWith("https://")?l:null}const Au=e=>{e.currentTarget.hidden=!0};function la(e){const t=e.because.map((n,l)=>e.because_titles[l]||n);return t.length?`because of ${t.join(" and ")}`:`from ${e.channel}`}function Pu({item:e,position:t,base:n}){const l=e.fields||{},s=Mu(l,n),o=Object.keys(l).find(a=>ea.test(a)&&l[a]!==null),r=[Ae(l.category),Ae(l.year)].filter(a=>a!=="–");return d`<li class="card item">
    ${s&&d`<img src=${s} alt="" loading="lazy" referrerpolicy="no-referrer" onError=${Au} />`}
    <div>
      <p class="title">
        <span class="muted">${t}.${" "}</span>
        <a href=${Rt("items",{id:e.item_id})}>${e.title||e.item_id}</a>
        ${e.slot&&e.slot!=="organic"&&d` <${Le} kind="info">${e.slot}<//>`}
      </p>
      ${o&&d`<p class="price">${Ae(l[o])}</p>`}
      ${r.length>0&&d`<p class="muted">${r.join(" · ")}</p>`}
      ${e.reason&&d`<p>${la(e.reason)}</p>`}
      <p class="muted small">${e.item_id} · score ${Pe(e.score)}${e.reason&&` · ${e.reason.channel}`}</p>
    </div>
  </li>`}function sa({items:e,overview:t}){const n=t.picture_base,l=!n&&e.some(s=>co(s.fields)&&na(co(s.fields)));return d`
    <ol class="cards">${e.map((s,o)=>d`<${Pu} item=${s} position=${o+1} base=${n} />`)}</ol>
    ${l&&d`<p class="muted small">Pictures have relative addresses. Set picture_base to what is before them, and restart the service.</p>`}
  `}const oa="write",ia=e=>e.roles.includes(oa),Du=e=>async t=>ia(e)?(await xe("/users",{prefix:t,limit:20})).users.map(n=>n.user_id):[],ra=({user:e,scene:t,filter:n,k:l,explore:s,boost:o,pin:r})=>({user_id:e,boost:o,pin:r,scene:t,filter:n,k:l||10,explore:s==="no"?"false":"true"});function aa({page:e,overview:t,options:n,children:l}){return d`<form class="controls" onSubmit=${s=>Mo(e,nn(s))}>
    <${Xc} value=${n.user} suggest=${Du(t)} />
    <${eu} overview=${t} options=${n} />
    ${l}
    <button class="main">Show the list</button>
  </form>`}function Lu({user:e}){const t=He(()=>xe(tn("users",e,"history"),{limit:30}),[e]),n=l=>l>0?["good","liked"]:l<0?["bad","disliked"]:["","neutral"];return d`<${Ie} of=${t} what="history">
    ${({events:l})=>d`<${_e}
      caption=${`The newest events of ${e}`}
      hideCaption
      empty="No events: this user is new."
      rows=${l}
      columns=${[["item",s=>d`<a href=${Rt("items",{id:s.item_id})}>${s.title||s.item_id}</a>`],["event",s=>d`${s.type||"event"} ${s.value!==1||!s.type||s.type==="rating"?Pe(s.value,2):""}`,"when"],["",s=>d`<${Le} kind=${n(s.weight)[0]}>${n(s.weight)[1]}<//>`],["when",s=>_t(s.timestamp),"when"]]}
    />`}
  <//>`}function Nu(e){return!e||typeof e!="object"||Array.isArray(e)?Ae(typeof e=="number"?Pe(e,4):e):Object.entries(e).map(([n,l])=>typeof l=="object"?`${n} at rank ${l.rank+1}`:`${n} ${Pe(l)}`).join(", ")||"–"}function Ou({params:e}){const[t,n]=le(null),[l,s]=le(null),o=async a=>{const{item:u}=nn(a);s(null),n(null);try{n(await xe("/explain",{...e,item_id:u.trim()}))}catch(f){s(f)}},r=["item_id","stage","reason","user_id","bundle"];return d`<section aria-label="Why not this item?">
    <h2>Why not this item?</h2>
    <form class="controls" onSubmit=${o}>
      <${$e} label="Item" name="item" required maxlength="256" autocomplete="off" />
      <button>Ask</button>
    </form>
    ${l&&d`<${qt} error=${l} />`}
    ${t&&d`<div class="card" role="status">
      <p><${Le} kind=${t.stage==="shown"?"good":"warn"}>${t.stage}<//> ${t.reason}</p>
      <dl class="facts">
        ${Object.entries(t).filter(([a])=>!r.includes(a)).map(([a,u])=>d`<dt>${a.replaceAll("_"," ")}</dt><dd>${Nu(u)}</dd>`)}
      </dl>
    </div>`}
  </section>`}function Ru({overview:e,options:t}){const n=ra(t),l=ta(e.fields),s=He(()=>xe("/recommend",{...n,fields:l,preview:"true"}),[JSON.stringify(n)]);return d`
    <div class="columns">
      <section aria-label="History">
        <h2>History</h2>
        ${ia(e)?d`<${Lu} user=${t.user} />`:d`<${De}>Histories need a key with the role ${oa}.<//>`}
      </section>
      <section aria-label="List">
        <h2>List</h2>
        <${Ie} of=${s} what="list">
          ${o=>d`
            <p class="row">
              <span class="muted">${o.items.length} items in ${o.took_ms} ms, not counted as shown.</span>
              <a href=${Rt("funnel",t)}>Through the funnel</a>
            </p>
            ${o.degraded.length>0&&d`<p class="notice warn">Degraded: ${o.degraded.map(r=>`${r.stage} ${r.outcome}`).join(", ")}</p>`}
            ${(o.notes||[]).map(r=>d`<p class="notice warn">${r}</p>`)}
            ${o.items.length?d`<${sa} items=${o.items} overview=${e} />`:d`<${De}>The list is empty: no item passes.<//>`}
          `}
        <//>
        <${Ou} params=${n} />
      </section>
    </div>
  `}function Fu({overview:e,options:t}){return d`
    <p class="muted">The list that a user would get now. Looking at it changes nothing.</p>
    <${aa} page="try" overview=${e} options=${t}>
      <${$e} label="Exploration">
        ${n=>d`<select id=${n} name="explore">
          <option value="yes">yes</option>
          <option value="no" selected=${t.explore==="no"}>no</option>
        </select>`}
      <//>
      <${$e} label="Boost" name="boost" value=${t.boost||""} maxlength="500" placeholder=${'0.3 if category == "Drama"'} />
      <${$e} label="Pin" name="pin" value=${t.pin||""} maxlength="300" placeholder="1:50" />
    <//>
    ${t.user?d`<${Ru} key=${JSON.stringify(t)} overview=${e} options=${t} />`:d`<${De}>Choose a user. Any id works: one that is not known gets a list too.<//>`}
  `}const Vi=12,Wi="recall.";function Hu(e){const t=a=>e.stages.find(u=>u.stage===a),n=e.stages.filter(a=>a.stage.startsWith(Wi)).map(a=>({...a,name:a.stage.slice(Wi.length)})),[l,s,o]=["coarse","fine","rerank"].map(t),r=[l&&{name:"merged",n:l.entered,ms:null},l&&{name:"coarse",n:l.left,ms:l.ms,outcome:l.outcome},s&&{name:"fine",n:s.left,ms:s.ms,outcome:s.outcome},{name:"list",n:e.items.length,ms:o?.ms??null,outcome:o?.outcome}].filter(Boolean);return{channels:n,kept:r}}function Iu({answer:e}){const t=Math.max(1,...e.stages.map(n=>Math.max(n.entered,n.left)));return d`<${_e}
    caption="Stages in the order they ended"
    rows=${e.stages}
    columns=${[["stage",n=>n.stage],["outcome",n=>d`<${Le} kind=${n.outcome==="ok"?"good":"warn"}>${n.outcome}<//>`],["entered",n=>J(n.entered),"n"],["left",n=>J(n.left),"n"],["",n=>d`<${Ml} share=${n.left/t} />`],["time",n=>Qt(n.ms),"n"]]}
  />`}function ju({item:e}){const{contributions:t,features:n,scores:l,channels:s}=e.explain,o=Object.entries(t||{}).filter(([p])=>p!=="constant");o.sort((p,_)=>Math.abs(_[1])-Math.abs(p[1]));const r=o.slice(0,Vi),a=o.slice(Vi).reduce((p,[,_])=>p+_,0),u=Math.max(1e-9,...r.map(([,p])=>Math.abs(p))),f=[...r,["all other features",a],["the same for every item",t?.constant??0]];return d`
    <p>${e.title||e.item_id}: ${la(e.reason)}. Score of each stage: ${Object.entries(l).map(([p,_])=>`${p} ${Pe(_)}`).join(", ")}.</p>
    <${_e}
      caption="Channels that proposed it"
      empty="No channel proposed it: it fills up the list."
      rows=${Object.entries(s)}
      columns=${[["channel",([p])=>p],["rank",([,p])=>p.rank+1,"n"],["score",([,p])=>Pe(p.score),"n"]]}
    />
    ${t?d`<${_e}
          caption="What each feature added to the score of the fine ranker"
          rows=${f}
          columns=${[["feature",([p])=>p],["value",([p])=>p in n?Pe(n[p]):"","n"],["added",([,p])=>Zc(p),"n"],["",([,p])=>d`<${Ml} share=${Math.abs(p)/u} kind=${p<0?"bad":"good"} />`]]}
        />`:d`<${De}>This answer has no contributions.<//>`}
  `}function Vu({overview:e,options:t}){const n=ra(t),l={...n,contributions:"true",preview:"true"},s=He(()=>xe("/recommend",l),[JSON.stringify(n)]),[o,r]=le(0);return d`<${Ie} of=${s} what="funnel">
    ${a=>{const u=a.items[Math.min(o,a.items.length-1)];return d`
        <p class="muted">Answered in ${Qt(a.took_ms)} of ${Qt(e.budget_ms)}, by ${a.bundle}.</p>
        ${(a.notes||[]).map(f=>d`<p class="notice warn">${f}</p>`)}
        <${Eu} steps=${Hu(a)} />
        <${Iu} answer=${a} />
        <${_e}
          caption="Policies: what they took out or moved"
          rows=${(a.policies||[]).filter(f=>f.dropped||f.changed)}
          empty="No policy changed anything."
          columns=${[["policy",f=>f.policy],["taken out",f=>f.dropped===void 0?"":J(f.dropped),"n"],["moved",f=>f.changed===void 0?"":J(f.changed),"n"]]}
        />
        <h2>An item of the list</h2>
        ${u?d`<${$e} label="Item">
                ${f=>d`<select id=${f} onChange=${p=>r(p.currentTarget.selectedIndex)}>
                  ${a.items.map((p,_)=>d`<option value=${p.item_id} selected=${_===o}>${_+1}. ${p.title||p.item_id}</option>`)}
                </select>`}
              <//>
              <${ju} item=${u} />`:d`<${De}>The list is empty.<//>`}
      `}}
  <//>`}function Wu({overview:e,options:t}){return d`
    <p class="muted">What one request does, stage by stage. It does not count as shown.</p>
    <${aa} page="funnel" overview=${e} options=${t} />
    ${t.user?d`<${Vu} key=${JSON.stringify(t)} overview=${e} options=${t} />`:d`<${De}>Choose a user.<//>`}
  `}const zi="write";function zu({options:e,overview:t}){const{prefix:n,title:l,filter:s,cursor:o}=e,r=["category","year"].filter(u=>t.fields.includes(u)).join(","),a=He(()=>xe("/items",{prefix:n,title:l,filter:s,cursor:o,fields:r,limit:25}),[JSON.stringify(e)]);return d`
    <form class="controls" onSubmit=${u=>Mo("items",nn(u))}>
      <${$e} label="Words of the title" name="title" value=${l||""} maxlength="200" />
      <${$e} label="Id begins with" name="prefix" value=${n||""} maxlength="256" />
      <${$e} label="Filter" name="filter" value=${s||""} maxlength="500" placeholder="year >= 1990" />
      <button class="main">Find</button>
    </form>
    <${Ie} of=${a} what="items">
      ${u=>d`
        <${_e}
          caption="Items"
          hideCaption
          empty="No item matches."
          rows=${u.items}
          columns=${[["item",f=>d`<a href=${Rt("items",{id:f.item_id})}>${f.item_id}</a>`],["title",f=>Ae(f.title)],...r?r.split(",").map(f=>[f,p=>Ae(p.fields?.[f])]):[],["",f=>f.is_available?"":d`<${Le} kind="warn">hidden<//>`]]}
        />
        ${u.cursor&&d`<p><a href=${Rt("items",{prefix:n,title:l,filter:s,cursor:u.cursor})}>More items</a></p>`}
      `}
    <//>
  `}function Uu(e,t){const n={},l=o=>o.split(",").map(r=>r.trim()).filter(Boolean);t.title!==(e.title||"")&&(n.title=t.title),t.provider!==(e.provider||"")&&(n.provider=t.provider),t.categories!==e.categories.join(", ")&&(n.categories=l(t.categories)),t.released!==String(e.released??"")&&t.released!==""&&(n.released=Number(t.released));const s={};for(const[o,r]of Object.entries(e.attributes)){const a=t[`attribute.${o}`];a===String(r??"")||a===""||(s[o]=typeof r=="number"?Number(a):a)}return Object.keys(s).length&&(n.attributes=s),n}function Gu({item:e,onChange:t}){const[n,l]=le({busy:!1,error:null,done:""}),s=async(r,a)=>{l({busy:!0,error:null,done:""});try{await $n("PATCH",tn("items",e.item_id),{body:r}),l({busy:!1,error:null,done:a}),t()}catch(u){l({busy:!1,error:u,done:""})}},o=r=>{const a=Uu(e,nn(r));Object.keys(a).length?s(a,"Saved. It holds for the next list."):l({busy:!1,error:null,done:"Nothing was changed."})};return d`<section aria-label="Change the item">
    <h3>Change it</h3>
    <p>
      <button
        type="button"
        disabled=${n.busy}
        onClick=${()=>s({is_available:!e.is_available},e.is_available?"Hidden from every list.":"It can be in lists again.")}
      >
        ${e.is_available?"Hide from every list":"Show in lists again"}
      </button>
    </p>
    <form class="controls" onSubmit=${o}>
      <${$e} label="Title" name="title" value=${e.title||""} maxlength="1000" />
      <${$e} label="Categories" name="categories" value=${e.categories.join(", ")} hint="with commas" />
      <${$e} label="Provider" name="provider" value=${e.provider||""} maxlength="256" />
      <${$e} label="Year" name="released" type="number" step="any" value=${e.released??""} />
      ${Object.entries(e.attributes).map(([r,a])=>d`<${$e} label=${r} name=${`attribute.${r}`} value=${a??""} maxlength="256" />`)}
      <button class="main" disabled=${n.busy}>Save</button>
    </form>
    ${n.done&&d`<p class="notice good" role="status">${n.done}</p>`}
    ${n.error&&d`<${qt} error=${n.error} />`}
  </section>`}function Bu({id:e}){const t=He(()=>xe(tn("items",e,"counts")),[e]);return d`<${Ie} of=${t} what="counts">
    ${n=>d`
      <p>Since the end of the bundle's data: in ${J(n.shown)} lists, ${J(n.liked)} positive events.</p>
      <${_e}
        caption="Likes, fading with a half-life"
        rows=${Object.entries(n.trend)}
        columns=${[["half-life",([l])=>l==="all"?"never":`${l} day${l==="1"?"":"s"}`],["likes",([,l])=>Pe(l,1),"n"]]}
      />
    `}
  <//>`}function Yu({id:e,overview:t}){const[n,l]=le("behaviour"),s=ta(t.fields),o=He(()=>xe(tn("items",e,"similar"),{k:8,by:n,fields:s}),[e,n]);return d`
    <div class="row" role="group" aria-label="Similar by">
      ${["behaviour","content"].map(r=>d`<button type="button" aria-pressed=${n===r} onClick=${()=>l(r)}>${r}</button>`)}
    </div>
    <${Ie} of=${o} what="similar items">
      ${r=>d`
        ${(r.notes||[]).map(a=>d`<p class="notice warn">${a}</p>`)}
        ${r.items.length?d`<${sa} items=${r.items} overview=${t} />`:d`<${De}>Nothing is similar.<//>`}
      `}
    <//>
  `}function qu({id:e,overview:t}){const n=He(()=>xe(tn("items",e)),[e]);return d`
    <p><a href=${Rt("items")}>All items</a></p>
    <${Ie} of=${n} what="item">
      ${l=>d`
        <h2>${l.title||l.item_id} ${!l.is_available&&d`<${Le} kind="warn">hidden<//>`}</h2>
        <dl class="facts">
          <dt>id</dt><dd><code>${l.item_id}</code></dd>
          <dt>categories</dt><dd>${Ae(l.categories)}</dd>
          <dt>provider</dt><dd>${Ae(l.provider)}</dd>
          <dt>year</dt><dd>${Ae(l.released)}</dd>
          ${l.flags.length>0&&d`<dt>flags</dt><dd>${Ae(l.flags)}</dd>`}
          ${Object.entries(l.attributes).map(([s,o])=>d`<dt>${s}</dt><dd>${Ae(o)}</dd>`)}
          ${l.text&&d`<dt>text</dt><dd>${l.text}</dd>`}
          <dt>source</dt><dd>${l.source}</dd>
        </dl>
        ${t.roles.includes(zi)?d`<${Gu} key=${JSON.stringify(l)} item=${l} onChange=${n.reload} />`:d`<${De}>Changes need a key with the role ${zi}.<//>`}
        <h3>Counts</h3>
        <${Bu} id=${e} />
        <h3>Similar items</h3>
        <${Yu} id=${e} overview=${t} />
      `}
    <//>
  `}function Ku({overview:e,options:t}){return t.id?d`<${qu} key=${t.id} id=${t.id} overview=${e} />`:d`<${zu} key=${JSON.stringify(t)} options=${t} overview=${e} />`}const Ju=!0,Ue="u-",Zu="uplot",Qu=Ue+"hz",Xu=Ue+"vt",ef=Ue+"title",tf=Ue+"wrap",nf=Ue+"under",lf=Ue+"over",sf=Ue+"axis",En=Ue+"off",of=Ue+"select",rf=Ue+"cursor-x",af=Ue+"cursor-y",cf=Ue+"cursor-pt",uf=Ue+"legend",ff=Ue+"live",df=Ue+"inline",hf=Ue+"series",pf=Ue+"marker",Ui=Ue+"label",$f=Ue+"value",vl="width",bl="height",gl="top",Gi="bottom",Xn="left",zs="right",Ao="#000",Bi=Ao+"0",Us="mousemove",Yi="mousedown",Gs="mouseup",qi="mouseenter",Ki="mouseleave",Ji="dblclick",mf="resize",_f="scroll",Zi="change",es="dppxchange",Po="--",rl=typeof window<"u",uo=rl?document:null,tl=rl?window:null,gf=rl?navigator:null;let ae,zl;function fo(){let e=devicePixelRatio;ae!=e&&(ae=e,zl&&po(Zi,zl,fo),zl=matchMedia(`(min-resolution: ${ae-.001}dppx) and (max-resolution: ${ae+.001}dppx)`),Pn(Zi,zl,fo),tl.dispatchEvent(new CustomEvent(es)))}function $t(e,t){if(t!=null){let n=e.classList;!n.contains(t)&&n.add(t)}}function ho(e,t){let n=e.classList;n.contains(t)&&n.remove(t)}function be(e,t,n){e.style[t]=n+"px"}function Dt(e,t,n,l){let s=uo.createElement(e);return t!=null&&$t(s,t),n?.insertBefore(s,l),s}function Tt(e,t){return Dt("div",e,t)}const Qi=new WeakMap;function Ut(e,t,n,l,s){let o="translate("+t+"px,"+n+"px)",r=Qi.get(e);o!=r&&(e.style.transform=o,Qi.set(e,o),t<0||n<0||t>l||n>s?$t(e,En):ho(e,En))}const Xi=new WeakMap;function er(e,t,n){let l=t+n,s=Xi.get(e);l!=s&&(Xi.set(e,l),e.style.background=t,e.style.borderColor=n)}const tr=new WeakMap;function nr(e,t,n,l){let s=t+""+n,o=tr.get(e);s!=o&&(tr.set(e,s),e.style.height=n+"px",e.style.width=t+"px",e.style.marginLeft=l?-t/2+"px":0,e.style.marginTop=l?-n/2+"px":0)}const Do={passive:!0},yf={...Do,capture:!0};function Pn(e,t,n,l){t.addEventListener(e,n,l?yf:Do)}function po(e,t,n,l){t.removeEventListener(e,n,Do)}rl&&fo();function Lt(e,t,n,l){let s;n=n||0,l=l||t.length-1;let o=l<=2147483647;for(;l-n>1;)s=o?n+l>>1:mt((n+l)/2),t[s]<e?n=s:l=s;return e-t[n]<=t[l]-e?n:l}function ca(e){return(n,l,s)=>{let o=-1,r=-1;for(let a=l;a<=s;a++)if(e(n[a])){o=a;break}for(let a=s;a>=l;a--)if(e(n[a])){r=a;break}return[o,r]}}const ua=e=>e!=null,fa=e=>e!=null&&e>0,as=ca(ua),vf=ca(fa);function bf(e,t,n,l=0,s=!1){let o=s?vf:as,r=s?fa:ua;[t,n]=o(e,t,n);let a=e[t],u=e[t];if(t>-1)if(l==1)a=e[t],u=e[n];else if(l==-1)a=e[n],u=e[t];else for(let f=t;f<=n;f++){let p=e[f];r(p)&&(p<a?a=p:p>u&&(u=p))}return[a??he,u??-he]}function cs(e,t,n,l){let s=or(e),o=or(t);e==t&&(s==-1?(e*=n,t/=n):(e/=n,t*=n));let r=n==10?Xt:da,a=s==1?mt:xt,u=o==1?xt:mt,f=a(r(ze(e))),p=u(r(ze(t))),_=ll(n,f),m=ll(n,p);return n==10&&(f<0&&(_=pe(_,-f)),p<0&&(m=pe(m,-p))),l||n==2?(e=_*s,t=m*o):(e=ma(e,_),t=us(t,m)),[e,t]}function Lo(e,t,n,l){let s=cs(e,t,n,l);return e==0&&(s[0]=0),t==0&&(s[1]=0),s}const No=.1,lr={mode:3,pad:No},Tl={pad:0,soft:null,mode:0},wf={min:Tl,max:Tl};function ts(e,t,n,l){return fs(n)?sr(e,t,n):(Tl.pad=n,Tl.soft=l?0:null,Tl.mode=l?3:0,sr(e,t,wf))}function ie(e,t){return e??t}function kf(e,t,n){for(t=ie(t,0),n=ie(n,e.length-1);t<=n;){if(e[t]!=null)return!0;t++}return!1}function sr(e,t,n){let l=n.min,s=n.max,o=ie(l.pad,0),r=ie(s.pad,0),a=ie(l.hard,-he),u=ie(s.hard,he),f=ie(l.soft,he),p=ie(s.soft,-he),_=ie(l.mode,0),m=ie(s.mode,0),y=t-e,S=Xt(y),b=it(ze(e),ze(t)),w=Xt(b),M=ze(w-S);(y<1e-24||M>10)&&(y=0,(e==0||t==0)&&(y=1e-24,_==2&&f!=he&&(o=0),m==2&&p!=-he&&(r=0)));let k=y||b||1e3,D=Xt(k),x=ll(10,mt(D)),Y=k*(y==0?e==0?.1:1:o),N=pe(ma(e-Y,x/10),24),B=e>=f&&(_==1||_==3&&N<=f||_==2&&N>=f)?f:he,U=it(a,N<B&&e>=B?B:Ot(B,N)),Z=k*(y==0?t==0?.1:1:r),P=pe(us(t+Z,x/10),24),C=t<=p&&(m==1||m==3&&P>=p||m==2&&P<=p)?p:-he,V=Ot(u,P>C&&t<=C?C:it(C,P));return U==V&&U==0&&(V=100),[U,V]}const Sf=new Intl.NumberFormat(rl?gf.language:"en-US"),Oo=e=>Sf.format(e),gt=Math,Jl=gt.PI,ze=gt.abs,mt=gt.floor,We=gt.round,xt=gt.ceil,Ot=gt.min,it=gt.max,ll=gt.pow,or=gt.sign,Xt=gt.log10,da=gt.log2,Tf=(e,t=1)=>gt.sinh(e)*t,Bs=(e,t=1)=>gt.asinh(e/t),he=1/0;function ir(e){return(Xt((e^e>>31)-(e>>31))|0)+1}function $o(e,t,n){return Ot(it(e,t),n)}function ha(e){return typeof e=="function"}function te(e){return ha(e)?e:()=>e}const xf=()=>{},pa=e=>e,$a=(e,t)=>t,Cf=e=>null,rr=e=>!0,ar=(e,t)=>e==t,Ef=/\.\d*?(?=9{6,}|0{6,})/gm,Dn=e=>{if(ga(e)||pn.has(e))return e;const t=`${e}`,n=t.match(Ef);if(n==null)return e;let l=n[0].length-1;if(t.indexOf("e-")!=-1){let[s,o]=t.split("e");return+`${Dn(s)}e${o}`}return pe(e,l)};function xn(e,t){return Dn(pe(Dn(e/t))*t)}function us(e,t){return Dn(xt(Dn(e/t))*t)}function ma(e,t){return Dn(mt(Dn(e/t))*t)}function pe(e,t=0){if(ga(e))return e;let n=10**t,l=e*n*(1+Number.EPSILON);return We(l)/n}const pn=new Map;function _a(e){return((""+e).split(".")[1]||"").length}function El(e,t,n,l){let s=[],o=l.map(_a);for(let r=t;r<n;r++){let a=ze(r),u=pe(ll(e,r),a);for(let f=0;f<l.length;f++){let p=e==10?+`${l[f]}e${r}`:l[f]*u,_=(r>=0?0:a)+(r>=o[f]?0:o[f]),m=e==10?p:pe(p,_);s.push(m),pn.set(m,_)}}return s}const xl={},Ro=[],sl=[null,null],fn=Array.isArray,ga=Number.isInteger,Mf=e=>e===void 0;function cr(e){return typeof e=="string"}function fs(e){let t=!1;if(e!=null){let n=e.constructor;t=n==null||n==Object}return t}function Af(e){return e!=null&&typeof e=="object"}const Pf=Object.getPrototypeOf(Uint8Array),ya="__proto__";function ol(e,t=fs){let n;if(fn(e)){let l=e.find(s=>s!=null);if(fn(l)||t(l)){n=Array(e.length);for(let s=0;s<e.length;s++)n[s]=ol(e[s],t)}else n=e.slice()}else if(e instanceof Pf)n=e.slice();else if(t(e)){n={};for(let l in e)l!=ya&&(n[l]=ol(e[l],t))}else n=e;return n}function Oe(e){let t=arguments;for(let n=1;n<t.length;n++){let l=t[n];for(let s in l)s!=ya&&(fs(e[s])?Oe(e[s],ol(l[s])):e[s]=ol(l[s]))}return e}const Df=0,Lf=1,Nf=2;function Of(e,t,n){for(let l=0,s,o=-1;l<t.length;l++){let r=t[l];if(r>o){for(s=r-1;s>=0&&e[s]==null;)e[s--]=null;for(s=r+1;s<n&&e[s]==null;)e[o=s++]=null}}}function Rf(e,t){if(If(e)){let r=e[0].slice();for(let a=1;a<e.length;a++)r.push(...e[a].slice(1));return jf(r[0])||(r=Hf(r)),r}let n=new Set;for(let r=0;r<e.length;r++){let u=e[r][0],f=u.length;for(let p=0;p<f;p++)n.add(u[p])}let l=[Array.from(n).sort((r,a)=>r-a)],s=l[0].length,o=new Map;for(let r=0;r<s;r++)o.set(l[0][r],r);for(let r=0;r<e.length;r++){let a=e[r],u=a[0];for(let f=1;f<a.length;f++){let p=a[f],_=Array(s).fill(void 0),m=t?t[r][f]:Lf,y=[];for(let S=0;S<p.length;S++){let b=p[S],w=o.get(u[S]);b===null?m!=Df&&(_[w]=b,m==Nf&&y.push(w)):_[w]=b}Of(_,y,s),l.push(_)}}return l}const Ff=typeof queueMicrotask>"u"?e=>Promise.resolve().then(e):queueMicrotask;function Hf(e){let t=e[0],n=t.length,l=Array(n);for(let o=0;o<l.length;o++)l[o]=o;l.sort((o,r)=>t[o]-t[r]);let s=[];for(let o=0;o<e.length;o++){let r=e[o],a=Array(n);for(let u=0;u<n;u++)a[u]=r[l[u]];s.push(a)}return s}function If(e){let t=e[0][0],n=t.length;for(let l=1;l<e.length;l++){let s=e[l][0];if(s.length!=n)return!1;if(s!=t){for(let o=0;o<n;o++)if(s[o]!=t[o])return!1}}return!0}function jf(e,t=100){const n=e.length;if(n<=1)return!0;let l=0,s=n-1;for(;l<=s&&e[l]==null;)l++;for(;s>=l&&e[s]==null;)s--;if(s<=l)return!0;const o=it(1,mt((s-l+1)/t));for(let r=e[l],a=l+o;a<=s;a+=o){const u=e[a];if(u!=null){if(u<=r)return!1;r=u}}return!0}const va=["January","February","March","April","May","June","July","August","September","October","November","December"],ba=["Sunday","Monday","Tuesday","Wednesday","Thursday","Friday","Saturday"];function wa(e){return e.slice(0,3)}const Vf=ba.map(wa),Wf=va.map(wa),zf={MMMM:va,MMM:Wf,WWWW:ba,WWW:Vf};function yl(e){return(e<10?"0":"")+e}function Uf(e){return(e<10?"00":e<100?"0":"")+e}const Gf={YYYY:e=>e.getFullYear(),YY:e=>(e.getFullYear()+"").slice(2),MMMM:(e,t)=>t.MMMM[e.getMonth()],MMM:(e,t)=>t.MMM[e.getMonth()],MM:e=>yl(e.getMonth()+1),M:e=>e.getMonth()+1,DD:e=>yl(e.getDate()),D:e=>e.getDate(),WWWW:(e,t)=>t.WWWW[e.getDay()],WWW:(e,t)=>t.WWW[e.getDay()],HH:e=>yl(e.getHours()),H:e=>e.getHours(),h:e=>{let t=e.getHours();return t==0?12:t>12?t-12:t},AA:e=>e.getHours()>=12?"PM":"AM",aa:e=>e.getHours()>=12?"pm":"am",a:e=>e.getHours()>=12?"p":"a",mm:e=>yl(e.getMinutes()),m:e=>e.getMinutes(),ss:e=>yl(e.getSeconds()),s:e=>e.getSeconds(),fff:e=>Uf(e.getMilliseconds())};function Fo(e,t){t=t||zf;let n=[],l=/\{([a-z]+)\}|[^{]+/gi,s;for(;s=l.exec(e);)n.push(s[0][0]=="{"?Gf[s[1]]:s[0]);return o=>{let r="";for(let a=0;a<n.length;a++)r+=typeof n[a]=="string"?n[a]:n[a](o,t);return r}}const Bf=new Intl.DateTimeFormat().resolvedOptions().timeZone;function Yf(e,t){let n;return t=="UTC"||t=="Etc/UTC"?n=new Date(+e+e.getTimezoneOffset()*6e4):t==Bf?n=e:(n=new Date(e.toLocaleString("en-US",{timeZone:t})),n.setMilliseconds(e.getMilliseconds())),n}const ka=e=>e%1==0,ns=[1,2,2.5,5],qf=El(10,-32,0,ns),Sa=El(10,0,32,ns),Kf=Sa.filter(ka),Cn=qf.concat(Sa),Ho=`
`,Ta="{YYYY}",ur=Ho+Ta,xa="{M}/{D}",wl=Ho+xa,Ul=wl+"/{YY}",Ca="{aa}",Jf="{h}:{mm}",el=Jf+Ca,fr=Ho+el,dr=":{ss}",ue=null;function Ea(e){let t=e*1e3,n=t*60,l=n*60,s=l*24,o=s*30,r=s*365,u=(e==1?El(10,0,3,ns).filter(ka):El(10,-3,0,ns)).concat([t,t*5,t*10,t*15,t*30,n,n*5,n*10,n*15,n*30,l,l*2,l*3,l*4,l*6,l*8,l*12,s,s*2,s*3,s*4,s*5,s*6,s*7,s*8,s*9,s*10,s*15,o,o*2,o*3,o*4,o*6,r,r*2,r*5,r*10,r*25,r*50,r*100]);const f=[[r,Ta,ue,ue,ue,ue,ue,ue,1],[s*28,"{MMM}",ur,ue,ue,ue,ue,ue,1],[s,xa,ur,ue,ue,ue,ue,ue,1],[l,"{h}"+Ca,Ul,ue,wl,ue,ue,ue,1],[n,el,Ul,ue,wl,ue,ue,ue,1],[t,dr,Ul+" "+el,ue,wl+" "+el,ue,fr,ue,1],[e,dr+".{fff}",Ul+" "+el,ue,wl+" "+el,ue,fr,ue,1]];function p(_){return(m,y,S,b,w,M)=>{let k=[],D=w>=r,x=w>=o&&w<r,Y=_(S),N=pe(Y*e,3),B=Ys(Y.getFullYear(),D?0:Y.getMonth(),x||D?1:Y.getDate()),U=pe(B*e,3);if(x||D){let Z=x?w/o:0,P=D?w/r:0,C=N==U?N:pe(Ys(B.getFullYear()+P,B.getMonth()+Z,1)*e,3),V=new Date(We(C/e)),O=V.getFullYear(),q=V.getMonth();for(let z=0;C<=b;z++){let ne=Ys(O+P*z,q+Z*z,1),W=ne-_(pe(ne*e,3));C=pe((+ne+W)*e,3),C<=b&&k.push(C)}}else{let Z=w>=s?s:w,P=mt(S)-mt(N),C=U+P+us(N-U,Z);k.push(C);let V=_(C),O=V.getHours()+V.getMinutes()/n+V.getSeconds()/l,q=w/l,z=m.axes[y]._space,ne=M/z;for(;C=pe(C+w,e==1?0:3),!(C>b);)if(q>1){let W=mt(pe(O+q,6))%24,se=_(C).getHours()-W;se>1&&(se=-1),C-=se*l,O=(O+q)%24;let fe=k[k.length-1];pe((C-fe)/w,3)*ne>=.7&&k.push(C)}else k.push(C)}return k}}return[u,f,p]}const[Zf,Qf,Xf]=Ea(1),[ed,td,nd]=Ea(.001);El(2,-53,53,[1]);function hr(e,t){return e.map(n=>n.map((l,s)=>s==0||s==8||l==null?l:t(s==1||n[8]==0?l:n[1]+l)))}function pr(e,t){return(n,l,s,o,r)=>{let a=t.find(S=>r>=S[0])||t[t.length-1],u,f,p,_,m,y;return l.map(S=>{let b=e(S),w=b.getFullYear(),M=b.getMonth(),k=b.getDate(),D=b.getHours(),x=b.getMinutes(),Y=b.getSeconds(),N=w!=u&&a[2]||M!=f&&a[3]||k!=p&&a[4]||D!=_&&a[5]||x!=m&&a[6]||Y!=y&&a[7]||a[1];return u=w,f=M,p=k,_=D,m=x,y=Y,N(b)})}}function ld(e,t){let n=Fo(t);return(l,s,o,r,a)=>s.map(u=>n(e(u)))}function Ys(e,t,n){return new Date(e,t,n)}function $r(e,t){return t(e)}const sd="{YYYY}-{MM}-{DD} {h}:{mm}{aa}";function mr(e,t){return(n,l,s,o)=>o==null?Po:t(e(l))}function od(e,t){let n=e.series[t];return n.width?n.stroke(e,t):n.points.width?n.points.stroke(e,t):null}function id(e,t){return e.series[t].fill(e,t)}const rd={show:!0,live:!0,isolate:!1,mount:xf,markers:{show:!0,width:2,stroke:od,fill:id,dash:"solid"},idx:null,idxs:null,values:[]};function ad(e,t){let n=e.cursor.points,l=Tt(),s=n.size(e,t);be(l,vl,s),be(l,bl,s);let o=s/-2;be(l,"marginLeft",o),be(l,"marginTop",o);let r=n.width(e,t,s);return r&&be(l,"borderWidth",r),l}function cd(e,t){let n=e.series[t].points;return n._fill||n._stroke}function ud(e,t){let n=e.series[t].points;return n._stroke||n._fill}function fd(e,t){return e.series[t].points.size}const qs=[0,0];function dd(e,t,n){return qs[0]=t,qs[1]=n,qs}function Gl(e,t,n,l=!0){return s=>{s.button==0&&(!l||s.target==t)&&n(s)}}function Ks(e,t,n,l=!0){return s=>{(!l||s.target==t)&&n(s)}}const hd={show:!0,x:!0,y:!0,lock:!1,move:dd,points:{one:!1,show:ad,size:fd,width:0,stroke:ud,fill:cd},bind:{mousedown:Gl,mouseup:Gl,click:Gl,dblclick:Gl,mousemove:Ks,mouseleave:Ks,mouseenter:Ks},drag:{setScale:!0,x:!0,y:!1,dist:0,uni:null,click:(e,t)=>{t.stopPropagation(),t.stopImmediatePropagation()},_x:!1,_y:!1},focus:{dist:(e,t,n,l,s)=>l-s,prox:-1,bias:0},hover:{skip:[void 0],prox:null,bias:0},left:-10,top:-10,idx:null,dataIdx:null,idxs:null,event:null},Ma={show:!0,stroke:"rgba(0,0,0,0.07)",width:2},Io=Oe({},Ma,{filter:$a}),Aa=Oe({},Io,{size:10}),Pa=Oe({},Ma,{show:!1}),jo='12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Noto Sans", sans-serif, "Apple Color Emoji", "Segoe UI Emoji", "Segoe UI Symbol", "Noto Color Emoji"',Da="bold "+jo,La=1.5,_r={show:!0,scale:"x",stroke:Ao,space:50,gap:5,alignTo:1,size:50,labelGap:0,labelSize:30,labelFont:Da,side:2,grid:Io,ticks:Aa,border:Pa,font:jo,lineGap:La,rotate:0},pd="Value",$d="Time",gr={show:!0,scale:"x",auto:!1,sorted:1,min:he,max:-he,idxs:[]};function md(e,t,n,l,s){return t.map(o=>o==null?"":Oo(o))}function _d(e,t,n,l,s,o,r){let a=[],u=pn.get(s)||0;n=r?n:pe(us(n,s),u);for(let f=n;f<=l;f=pe(f+s,u))a.push(Object.is(f,-0)?0:f);return a}function mo(e,t,n,l,s,o,r){const a=[],u=e.scales[e.axes[t].scale].log,f=u==10?Xt:da,p=mt(f(n));s=ll(u,p),u==10&&(s=Cn[Lt(s,Cn)]);let _=n,m=s*u;u==10&&(m=Cn[Lt(m,Cn)]);do a.push(_),_=_+s,u==10&&!pn.has(_)&&(_=pe(_,pn.get(s))),_>=m&&(s=_,m=s*u,u==10&&(m=Cn[Lt(m,Cn)]));while(_<=l);return a}function gd(e,t,n,l,s,o,r){let u=e.scales[e.axes[t].scale].asinh,f=l>u?mo(e,t,it(u,n),l,s):[u],p=l>=0&&n<=0?[0]:[];return(n<-u?mo(e,t,it(u,-l),-n,s):[u]).reverse().map(m=>-m).concat(p,f)}const Na=/./,yd=/[12357]/,vd=/[125]/,yr=/1/,_o=(e,t,n,l)=>e.map((s,o)=>t==4&&s==0||o%l==0&&n.test(s.toExponential()[s<0?1:0])?s:null);function bd(e,t,n,l,s){let o=e.axes[n],r=o.scale,a=e.scales[r],u=e.valToPos,f=o._space,p=u(10,r),_=u(9,r)-p>=f?Na:u(7,r)-p>=f?yd:u(5,r)-p>=f?vd:yr;if(_==yr){let m=ze(u(1,r)-p);if(m<f)return _o(t.slice().reverse(),a.distr,_,xt(f/m)).reverse()}return _o(t,a.distr,_,1)}function wd(e,t,n,l,s){let o=e.axes[n],r=o.scale,a=o._space,u=e.valToPos,f=ze(u(1,r)-u(2,r));return f<a?_o(t.slice().reverse(),3,Na,xt(a/f)).reverse():t}function kd(e,t,n,l){return l==null?Po:t==null?"":Oo(t)}const vr={show:!0,scale:"y",stroke:Ao,space:30,gap:5,alignTo:1,size:50,labelGap:0,labelSize:30,labelFont:Da,side:3,grid:Io,ticks:Aa,border:Pa,font:jo,lineGap:La,rotate:0};function Sd(e,t){let n=3+(e||1)*2;return pe(n*t,3)}function Td(e,t){let{scale:n,idxs:l}=e.series[0],s=e._data[0],o=e.valToPos(s[l[0]],n,!0),r=e.valToPos(s[l[1]],n,!0),a=ze(r-o),u=e.series[t],f=a/(u.points.space*ae);return l[1]-l[0]<=f}const br={scale:null,auto:!0,sorted:0,min:he,max:-he},Oa=(e,t,n,l,s)=>s,wr={show:!0,auto:!0,sorted:0,gaps:Oa,alpha:1,facets:[Oe({},br,{scale:"x"}),Oe({},br,{scale:"y"})]},kr={scale:"y",auto:!0,sorted:0,show:!0,spanGaps:!1,gaps:Oa,alpha:1,points:{show:Td,filter:null},values:null,min:he,max:-he,idxs:[],path:null,clip:null};function xd(e,t,n,l,s){return n/10}const Ra={time:Ju,auto:!0,distr:1,log:10,asinh:1,min:null,max:null,dir:1,ori:0},Cd=Oe({},Ra,{time:!1,ori:1}),Sr={};function Fa(e,t){let n=Sr[e];return n||(n={key:e,plots:[],sub(l){n.plots.push(l)},unsub(l){n.plots=n.plots.filter(s=>s!=l)},pub(l,s,o,r,a,u,f){for(let p=0;p<n.plots.length;p++)n.plots[p]!=s&&n.plots[p].pub(l,s,o,r,a,u,f)}},e!=null&&(Sr[e]=n)),n}const il=1,go=2;function Ln(e,t,n){const l=e.mode,s=e.series[t],o=l==2?e._data[t]:e._data,r=e.scales,a=e.bbox;let u=o[0],f=l==2?o[1]:o[t],p=l==2?r[s.facets[0].scale]:r[e.series[0].scale],_=l==2?r[s.facets[1].scale]:r[s.scale],m=a.left,y=a.top,S=a.width,b=a.height,w=e.valToPosH,M=e.valToPosV;return p.ori==0?n(s,u,f,p,_,w,M,m,y,S,b,hs,al,$s,Ia,Va):n(s,u,f,p,_,M,w,y,m,b,S,ps,cl,zo,ja,Wa)}function Vo(e,t){let n=0,l=0,s=ie(e.bands,Ro);for(let o=0;o<s.length;o++){let r=s[o];r.series[0]==t?n=r.dir:r.series[1]==t&&(r.dir==1?l|=1:l|=2)}return[n,l==1?-1:l==2?1:l==3?2:0]}function Ed(e,t,n,l,s){let o=e.mode,r=e.series[t],a=o==2?r.facets[1].scale:r.scale,u=e.scales[a];return s==-1?u.min:s==1?u.max:u.distr==3?u.dir==1?u.min:u.max:0}function en(e,t,n,l,s,o){return Ln(e,t,(r,a,u,f,p,_,m,y,S,b,w)=>{let M=r.pxRound;const k=f.dir*(f.ori==0?1:-1),D=f.ori==0?al:cl;let x,Y;k==1?(x=n,Y=l):(x=l,Y=n);let N=M(_(a[x],f,b,y)),B=M(m(u[x],p,w,S)),U=M(_(a[Y],f,b,y)),Z=M(m(o==1?p.max:p.min,p,w,S)),P=new Path2D(s);return D(P,U,Z),D(P,N,Z),D(P,N,B),P})}function ds(e,t,n,l,s,o){let r=null;if(e.length>0){r=new Path2D;const a=t==0?$s:zo;let u=n;for(let _=0;_<e.length;_++){let m=e[_];if(m[1]>m[0]){let y=m[0]-u;y>0&&a(r,u,l,y,l+o),u=m[1]}}let f=n+s-u,p=10;f>0&&a(r,u,l-p/2,f,l+o+p)}return r}function Md(e,t,n){let l=e[e.length-1];l&&l[0]==t?l[1]=n:e.push([t,n])}function Wo(e,t,n,l,s,o,r){let a=[],u=e.length;for(let f=s==1?n:l;f>=n&&f<=l;f+=s)if(t[f]===null){let _=f,m=f;if(s==1)for(;++f<=l&&t[f]===null;)m=f;else for(;--f>=n&&t[f]===null;)m=f;let y=o(e[_]),S=m==_?y:o(e[m]),b=_-s;y=r<=0&&b>=0&&b<u?o(e[b]):y;let M=m+s;S=r>=0&&M>=0&&M<u?o(e[M]):S,S>=y&&a.push([y,S])}return a}function Tr(e){return e==0?pa:e==1?We:t=>xn(t,e)}function Ha(e){let t=e==0?hs:ps,n=e==0?(s,o,r,a,u,f)=>{s.arcTo(o,r,a,u,f)}:(s,o,r,a,u,f)=>{s.arcTo(r,o,u,a,f)},l=e==0?(s,o,r,a,u)=>{s.rect(o,r,a,u)}:(s,o,r,a,u)=>{s.rect(r,o,u,a)};return(s,o,r,a,u,f=0,p=0)=>{f==0&&p==0?l(s,o,r,a,u):(f=Ot(f,a/2,u/2),p=Ot(p,a/2,u/2),t(s,o+f,r),n(s,o+a,r,o+a,r+u,f),n(s,o+a,r+u,o,r+u,p),n(s,o,r+u,o,r,p),n(s,o,r,o+a,r,f),s.closePath())}}const hs=(e,t,n)=>{e.moveTo(t,n)},ps=(e,t,n)=>{e.moveTo(n,t)},al=(e,t,n)=>{e.lineTo(t,n)},cl=(e,t,n)=>{e.lineTo(n,t)},$s=Ha(0),zo=Ha(1),Ia=(e,t,n,l,s,o)=>{e.arc(t,n,l,s,o)},ja=(e,t,n,l,s,o)=>{e.arc(n,t,l,s,o)},Va=(e,t,n,l,s,o,r)=>{e.bezierCurveTo(t,n,l,s,o,r)},Wa=(e,t,n,l,s,o,r)=>{e.bezierCurveTo(n,t,s,l,r,o)};function za(e){return(t,n,l,s,o)=>Ln(t,n,(r,a,u,f,p,_,m,y,S,b,w)=>{let{pxRound:M,points:k}=r,D,x;f.ori==0?(D=hs,x=Ia):(D=ps,x=ja);const Y=pe(k.width*ae,3);let N=(k.size-k.width)/2*ae,B=pe(N*2,3),U=new Path2D,Z=new Path2D,{left:P,top:C,width:V,height:O}=t.bbox;$s(Z,P-B,C-B,V+B*2,O+B*2);const q=z=>{if(u[z]!=null){let ne=M(_(a[z],f,b,y)),W=M(m(u[z],p,w,S));D(U,ne+N,W),x(U,ne,W,N,0,Jl*2)}};if(o)o.forEach(q);else for(let z=l;z<=s;z++)q(z);return{stroke:Y>0?U:null,fill:U,clip:Z,flags:il|go}})}function Ua(e){return(t,n,l,s,o,r)=>{l!=s&&(o!=l&&r!=l&&e(t,n,l),o!=s&&r!=s&&e(t,n,s),e(t,n,r))}}const Ad=Ua(al),Pd=Ua(cl);function Ga(e){const t=ie(e?.alignGaps,0);return(n,l,s,o)=>Ln(n,l,(r,a,u,f,p,_,m,y,S,b,w)=>{[s,o]=as(u,s,o);let M=r.pxRound,k=O=>M(_(O,f,b,y)),D=O=>M(m(O,p,w,S)),x,Y;f.ori==0?(x=al,Y=Ad):(x=cl,Y=Pd);const N=f.dir*(f.ori==0?1:-1),B={stroke:new Path2D,fill:null,clip:null,band:null,gaps:null,flags:il},U=B.stroke;let Z=!1;if(o-s>=b*4){let O=I=>n.posToVal(I,f.key,!0),q=null,z=null,ne,W,rt,ke=k(a[N==1?s:o]),se=k(a[s]),fe=k(a[o]),X=O(N==1?se+1:fe-1);for(let I=N==1?s:o;I>=s&&I<=o;I+=N){let je=a[I],Se=(N==1?je<X:je>X)?ke:k(je),ce=u[I];Se==ke?ce!=null?(W=ce,q==null?(x(U,Se,D(W)),ne=q=z=W):W<q?q=W:W>z&&(z=W)):ce===null&&(Z=!0):(q!=null&&Y(U,ke,D(q),D(z),D(ne),D(W)),ce!=null?(W=ce,x(U,Se,D(W)),q=z=ne=W):(q=z=null,ce===null&&(Z=!0)),ke=Se,X=O(ke+N))}q!=null&&q!=z&&rt!=ke&&Y(U,ke,D(q),D(z),D(ne),D(W))}else for(let O=N==1?s:o;O>=s&&O<=o;O+=N){let q=u[O];q===null?Z=!0:q!=null&&x(U,k(a[O]),D(q))}let[C,V]=Vo(n,l);if(r.fill!=null||C!=0){let O=B.fill=new Path2D(U),q=r.fillTo(n,l,r.min,r.max,C),z=D(q),ne=k(a[s]),W=k(a[o]);N==-1&&([W,ne]=[ne,W]),x(O,W,z),x(O,ne,z)}if(!r.spanGaps){let O=[];Z&&O.push(...Wo(a,u,s,o,N,k,t)),B.gaps=O=r.gaps(n,l,s,o,O),B.clip=ds(O,f.ori,y,S,b,w)}return V!=0&&(B.band=V==2?[en(n,l,s,o,U,-1),en(n,l,s,o,U,1)]:en(n,l,s,o,U,V)),B})}function Dd(e){const t=ie(e.align,1),n=ie(e.ascDesc,!1),l=ie(e.alignGaps,0),s=ie(e.extend,!1);return(o,r,a,u)=>Ln(o,r,(f,p,_,m,y,S,b,w,M,k,D)=>{[a,u]=as(_,a,u);let x=f.pxRound,{left:Y,width:N}=o.bbox,B=se=>x(S(se,m,k,w)),U=se=>x(b(se,y,D,M)),Z=m.ori==0?al:cl;const P={stroke:new Path2D,fill:null,clip:null,band:null,gaps:null,flags:il},C=P.stroke,V=m.dir*(m.ori==0?1:-1);let O=U(_[V==1?a:u]),q=B(p[V==1?a:u]),z=q,ne=q;s&&t==-1&&(ne=Y,Z(C,ne,O)),Z(C,q,O);for(let se=V==1?a:u;se>=a&&se<=u;se+=V){let fe=_[se];if(fe==null)continue;let X=B(p[se]),I=U(fe);t==1?Z(C,X,O):Z(C,z,I),Z(C,X,I),O=I,z=X}let W=z;s&&t==1&&(W=Y+N,Z(C,W,O));let[rt,ke]=Vo(o,r);if(f.fill!=null||rt!=0){let se=P.fill=new Path2D(C),fe=f.fillTo(o,r,f.min,f.max,rt),X=U(fe);Z(se,W,X),Z(se,ne,X)}if(!f.spanGaps){let se=[];se.push(...Wo(p,_,a,u,V,B,l));let fe=f.width*ae/2,X=n||t==1?fe:-fe,I=n||t==-1?-fe:fe;se.forEach(je=>{je[0]+=X,je[1]+=I}),P.gaps=se=f.gaps(o,r,a,u,se),P.clip=ds(se,m.ori,w,M,k,D)}return ke!=0&&(P.band=ke==2?[en(o,r,a,u,C,-1),en(o,r,a,u,C,1)]:en(o,r,a,u,C,ke)),P})}function xr(e,t,n,l,s,o,r=he){if(e.length>1){let a=null;for(let u=0,f=1/0;u<e.length;u++)if(t[u]!==void 0){if(a!=null){let p=ze(e[u]-e[a]);p<f&&(f=p,r=ze(n(e[u],l,s,o)-n(e[a],l,s,o)))}a=u}}return r}function Ld(e){e=e||xl;const t=ie(e.size,[.6,he,1]),n=e.align||0,l=e.gap||0;let s=e.radius;s=s==null?[0,0]:typeof s=="number"?[s,0]:s;const o=te(s),r=1-t[0],a=ie(t[1],he),u=ie(t[2],1),f=ie(e.disp,xl),p=ie(e.each,y=>{}),{fill:_,stroke:m}=f;return(y,S,b,w)=>Ln(y,S,(M,k,D,x,Y,N,B,U,Z,P,C)=>{let V=M.pxRound,O=n,q=l*ae,z=a*ae,ne=u*ae,W,rt;x.ori==0?[W,rt]=o(y,S):[rt,W]=o(y,S);const ke=x.dir*(x.ori==0?1:-1);let se=x.ori==0?$s:zo,fe=x.ori==0?p:(F,me,Ve,Fn,gn,Ht,yn)=>{p(F,me,Ve,gn,Fn,yn,Ht)},X=ie(y.bands,Ro).find(F=>F.series[0]==S),I=X!=null?X.dir:0,je=M.fillTo(y,S,M.min,M.max,I),tt=V(B(je,Y,C,Z)),Se,ce,Ct,ut=P,Ce=V(M.width*ae),Ft=!1,Kt=null,yt=null,ln=null,Nn=null;_!=null&&(Ce==0||m!=null)&&(Ft=!0,Kt=_.values(y,S,b,w),yt=new Map,new Set(Kt).forEach(F=>{F!=null&&yt.set(F,new Path2D)}),Ce>0&&(ln=m.values(y,S,b,w),Nn=new Map,new Set(ln).forEach(F=>{F!=null&&Nn.set(F,new Path2D)})));let{x0:On,size:ul}=f;if(On!=null&&ul!=null){O=1,k=On.values(y,S,b,w),On.unit==2&&(k=k.map(Ve=>y.posToVal(U+Ve*P,x.key,!0)));let F=ul.values(y,S,b,w);ul.unit==2?ce=F[0]*P:ce=N(F[0],x,P,U)-N(0,x,P,U),ut=xr(k,D,N,x,P,U,ut),Ct=ut-ce+q}else ut=xr(k,D,N,x,P,U,ut),Ct=ut*r+q,ce=ut-Ct;Ct<1&&(Ct=0),Ce>=ce/2&&(Ce=0),Ct<5&&(V=pa);let Al=Ct>0,mn=ut-Ct-(Al?Ce:0);ce=V($o(mn,ne,z)),Se=(O==0?ce/2:O==ke?0:ce)-O*ke*((O==0?q/2:0)+(Al?Ce/2:0));const nt={stroke:null,fill:null,clip:null,band:null,gaps:null,flags:0},Rn=Ft?null:new Path2D;let Jt=null;if(X!=null)Jt=y.data[X.series[1]];else{let{y0:F,y1:me}=f;F!=null&&me!=null&&(D=me.values(y,S,b,w),Jt=F.values(y,S,b,w))}let _n=W*ce,Q=rt*ce;for(let F=ke==1?b:w;F>=b&&F<=w;F+=ke){let me=D[F];if(me==null)continue;if(Jt!=null){let at=Jt[F]??0;if(me-at==0)continue;tt=B(at,Y,C,Z)}let Ve=x.distr!=2||f!=null?k[F]:F,Fn=N(Ve,x,P,U),gn=B(ie(me,je),Y,C,Z),Ht=V(Fn-Se),yn=V(it(gn,tt)),ft=V(Ot(gn,tt)),vt=yn-ft;if(me!=null){let at=me<0?Q:_n,Et=me<0?_n:Q;Ft?(Ce>0&&ln[F]!=null&&se(Nn.get(ln[F]),Ht,ft+mt(Ce/2),ce,it(0,vt-Ce),at,Et),Kt[F]!=null&&se(yt.get(Kt[F]),Ht,ft+mt(Ce/2),ce,it(0,vt-Ce),at,Et)):se(Rn,Ht,ft+mt(Ce/2),ce,it(0,vt-Ce),at,Et),fe(y,S,F,Ht-Ce/2,ft,ce+Ce,vt)}}return Ce>0?nt.stroke=Ft?Nn:Rn:Ft||(nt._fill=M.width==0?M._fill:M._stroke??M._fill,nt.width=0),nt.fill=Ft?yt:Rn,nt})}function Nd(e,t){const n=ie(t?.alignGaps,0);return(l,s,o,r)=>Ln(l,s,(a,u,f,p,_,m,y,S,b,w,M)=>{[o,r]=as(f,o,r);let k=a.pxRound,D=W=>k(m(W,p,w,S)),x=W=>k(y(W,_,M,b)),Y,N,B;p.ori==0?(Y=hs,B=al,N=Va):(Y=ps,B=cl,N=Wa);const U=p.dir*(p.ori==0?1:-1);let Z=D(u[U==1?o:r]),P=Z,C=[],V=[];for(let W=U==1?o:r;W>=o&&W<=r;W+=U)if(f[W]!=null){let ke=u[W],se=D(ke);C.push(P=se),V.push(x(f[W]))}const O={stroke:e(C,V,Y,B,N,k),fill:null,clip:null,band:null,gaps:null,flags:il},q=O.stroke;let[z,ne]=Vo(l,s);if(a.fill!=null||z!=0){let W=O.fill=new Path2D(q),rt=a.fillTo(l,s,a.min,a.max,z),ke=x(rt);B(W,P,ke),B(W,Z,ke)}if(!a.spanGaps){let W=[];W.push(...Wo(u,f,o,r,U,D,n)),O.gaps=W=a.gaps(l,s,o,r,W),O.clip=ds(W,p.ori,S,b,w,M)}return ne!=0&&(O.band=ne==2?[en(l,s,o,r,q,-1),en(l,s,o,r,q,1)]:en(l,s,o,r,q,ne)),O})}function Od(e){return Nd(Rd,e)}function Rd(e,t,n,l,s,o){const r=e.length;if(r<2)return null;const a=new Path2D;if(n(a,e[0],t[0]),r==2)l(a,e[1],t[1]);else{let u=Array(r),f=Array(r-1),p=Array(r-1),_=Array(r-1);for(let m=0;m<r-1;m++)p[m]=t[m+1]-t[m],_[m]=e[m+1]-e[m],f[m]=p[m]/_[m];u[0]=f[0];for(let m=1;m<r-1;m++)f[m]===0||f[m-1]===0||f[m-1]>0!=f[m]>0?u[m]=0:(u[m]=3*(_[m-1]+_[m])/((2*_[m]+_[m-1])/f[m-1]+(_[m]+2*_[m-1])/f[m]),isFinite(u[m])||(u[m]=0));u[r-1]=f[r-2];for(let m=0;m<r-1;m++)s(a,e[m]+_[m]/3,t[m]+u[m]*_[m]/3,e[m+1]-_[m]/3,t[m+1]-u[m+1]*_[m]/3,e[m+1],t[m+1])}return a}const yo=new Set;function Cr(){for(let e of yo)e.syncRect(!0)}rl&&(Pn(mf,tl,Cr),Pn(_f,tl,Cr,!0),Pn(es,tl,()=>{et.pxRatio=ae}));const Fd=Ga(),Hd=za();function Er(e,t,n,l){return(l?[e[0],e[1]].concat(e.slice(2)):[e[0]].concat(e.slice(1))).map((o,r)=>vo(o,r,t,n))}function Id(e,t){return e.map((n,l)=>l==0?{}:Oe({},t,n))}function vo(e,t,n,l){return Oe({},t==0?n:l,e)}function Ba(e,t,n){return t==null?sl:[t,n]}const jd=Ba;function Vd(e,t,n){return t==null?sl:ts(t,n,No,!0)}function Ya(e,t,n,l){return t==null?sl:cs(t,n,e.scales[l].log,!1)}const Wd=Ya;function qa(e,t,n,l){return t==null?sl:Lo(t,n,e.scales[l].log,!1)}const zd=qa;function Ud(e,t,n,l,s){let o=it(ir(e),ir(t)),r=t-e,a=Lt(s/l*r,n);do{let u=n[a],f=l*u/r;if(f>=s&&o+(u<5?pn.get(u):0)<=17)return[u,f]}while(++a<n.length);return[0,0]}function Mr(e){let t,n;return e=e.replace(/(\d+)px/,(l,s)=>(t=We((n=+s)*ae))+"px"),[e,t,n]}function Gd(e){e.show&&[e.font,e.labelFont].forEach(t=>{let n=pe(t[2]*ae,1);t[0]=t[0].replace(/[0-9.]+px/,n+"px"),t[1]=n})}function et(e,t,n){const l={mode:ie(e.mode,1)},s=l.mode;function o(i,c,h,$){let g=c.valToPct(i);return $+h*(c.dir==-1?1-g:g)}function r(i,c,h,$){let g=c.valToPct(i);return $+h*(c.dir==-1?g:1-g)}function a(i,c,h,$){return c.ori==0?o(i,c,h,$):r(i,c,h,$)}l.valToPosH=o,l.valToPosV=r;let u=!1;l.status=0;const f=l.root=Tt(Zu);if(e.id!=null&&(f.id=e.id),$t(f,e.class),e.title){let i=Tt(ef,f);i.textContent=e.title}const p=Dt("canvas"),_=l.ctx=p.getContext("2d"),m=Tt(tf,f);Pn("click",m,i=>{i.target===S&&(ge!=qn||Te!=Kn)&&Qe.click(l,i)},!0);const y=l.under=Tt(nf,m);m.appendChild(p);const S=l.over=Tt(lf,m);e=ol(e);const b=+ie(e.pxAlign,1),w=Tr(b);(e.plugins||[]).forEach(i=>{i.opts&&(e=i.opts(l,e)||e)});const M=e.ms||.001,k=l.series=s==1?Er(e.series||[],gr,kr,!1):Id(e.series||[null],wr),D=l.axes=Er(e.axes||[],_r,vr,!0),x=l.scales={},Y=l.bands=e.bands||[];Y.forEach(i=>{i.fill=te(i.fill||null),i.dir=ie(i.dir,-1)});const N=s==2?k[1].facets[0].scale:k[0].scale,B={axes:_c,series:dc},U=(e.drawOrder||["axes","series"]).map(i=>B[i]);function Z(i){const c=i.distr==3?h=>Xt(h>0?h:i.clamp(l,h,i.min,i.max,i.key)):i.distr==4?h=>Bs(h,i.asinh):i.distr==100?h=>i.fwd(h):h=>h;return h=>{let $=c(h),{_min:g,_max:v}=i,T=v-g;return($-g)/T}}function P(i){let c=x[i];if(c==null){let h=(e.scales||xl)[i]||xl;if(h.from!=null){P(h.from);let $=Oe({},x[h.from],h,{key:i});$.valToPct=Z($),x[i]=$}else{c=x[i]=Oe({},i==N?Ra:Cd,h),c.key=i;let $=c.time,g=c.range,v=fn(g);if((i!=N||s==2&&!$)&&(v&&(g[0]==null||g[1]==null)&&(g={min:g[0]==null?lr:{mode:1,hard:g[0],soft:g[0]},max:g[1]==null?lr:{mode:1,hard:g[1],soft:g[1]}},v=!1),!v&&fs(g))){let T=g;g=(E,A,L)=>A==null?sl:ts(A,L,T)}c.range=te(g||($?jd:i==N?c.distr==3?Wd:c.distr==4?zd:Ba:c.distr==3?Ya:c.distr==4?qa:Vd)),c.auto=te(v?!1:c.auto),c.clamp=te(c.clamp||xd),c._min=c._max=null,c.valToPct=Z(c)}}}P("x"),P("y"),s==1&&k.forEach(i=>{P(i.scale)}),D.forEach(i=>{P(i.scale)});for(let i in e.scales)P(i);const C=x[N],V=C.distr;let O,q;C.ori==0?($t(f,Qu),O=o,q=r):($t(f,Xu),O=r,q=o);const z={};for(let i in x){let c=x[i];(c.min!=null||c.max!=null)&&(z[i]={min:c.min,max:c.max},c.min=c.max=null)}const ne=e.tzDate||(i=>new Date(We(i/M))),W=e.fmtDate||Fo,rt=M==1?Xf(ne):nd(ne),ke=pr(ne,hr(M==1?Qf:td,W)),se=mr(ne,$r(sd,W)),fe=[],X=l.legend=Oe({},rd,e.legend),I=l.cursor=Oe({},hd,{drag:{y:s==2}},e.cursor),je=X.show,tt=I.show,Se=X.markers;X.idxs=fe,Se.width=te(Se.width),Se.dash=te(Se.dash),Se.stroke=te(Se.stroke),Se.fill=te(Se.fill);let ce,Ct,ut,Ce=[],Ft=[],Kt,yt=!1,ln={};if(X.live){const i=k[1]?k[1].values:null;yt=i!=null,Kt=yt?i(l,1,0):{_:0};for(let c in Kt)ln[c]=Po}if(je)if(ce=Dt("table",uf,f),ut=Dt("tbody",null,ce),X.mount(l,ce),yt){Ct=Dt("thead",null,ce,ut);let i=Dt("tr",null,Ct);Dt("th",null,i);for(var Nn in Kt)Dt("th",Ui,i).textContent=Nn}else $t(ce,df),X.live&&$t(ce,ff);const On={show:!0},ul={show:!1};function Al(i,c){if(c==0&&(yt||!X.live||s==2))return sl;let h=[],$=Dt("tr",hf,ut,ut.childNodes[c]);$t($,i.class),i.show||$t($,En);let g=Dt("th",null,$);if(Se.show){let E=Tt(pf,g);if(c>0){let A=Se.width(l,c);A&&(E.style.border=A+"px "+Se.dash(l,c)+" "+Se.stroke(l,c)),E.style.background=Se.fill(l,c)}}let v=Tt(Ui,g);i.label instanceof HTMLElement?v.appendChild(i.label):v.textContent=i.label,c>0&&(Se.show||(v.style.color=i.width>0?Se.stroke(l,c):Se.fill(l,c)),nt("click",g,E=>{if(I._lock)return;bn(E);let A=k.indexOf(i);if((E.ctrlKey||E.metaKey)!=X.isolate){let L=k.some((R,H)=>H>0&&H!=A&&R.show);k.forEach((R,H)=>{H>0&&jt(H,L?H==A?On:ul:On,!0,Ne.setSeries)})}else jt(A,{show:!i.show},!0,Ne.setSeries)},!1),In&&nt(qi,g,E=>{I._lock||(bn(E),jt(k.indexOf(i),Zn,!0,Ne.setSeries))},!1));for(var T in Kt){let E=Dt("td",$f,$);E.textContent="--",h.push(E)}return[$,h]}const mn=new Map;function nt(i,c,h,$=!0){const g=mn.get(c)||{},v=I.bind[i](l,c,h,$);v&&(Pn(i,c,g[i]=v),mn.set(c,g))}function Rn(i,c,h){const $=mn.get(c)||{};for(let g in $)(i==null||g==i)&&(po(g,c,$[g]),delete $[g]);i==null&&mn.delete(c)}let Jt=0,_n=0,Q=0,F=0,me=0,Ve=0,Fn=me,gn=Ve,Ht=Q,yn=F,ft=0,vt=0,at=0,Et=0;l.bbox={};let _s=!1,Pl=!1,Hn=!1,vn=!1,Dl=!1,bt=!1;function gs(i,c,h){(h||i!=l.width||c!=l.height)&&Go(i,c),Un(!1),Hn=!0,Pl=!0,Gn()}function Go(i,c){l.width=Jt=Q=i,l.height=_n=F=c,me=Ve=0,oc(),ic();let h=l.bbox;ft=h.left=xn(me*ae,.5),vt=h.top=xn(Ve*ae,.5),at=h.width=xn(Q*ae,.5),Et=h.height=xn(F*ae,.5)}const nc=3;function lc(){let i=!1,c=0;for(;!i;){c++;let h=$c(c),$=mc(c);i=c==nc||h&&$,i||(Go(l.width,l.height),Pl=!0)}}function sc({width:i,height:c}){gs(i,c)}l.setSize=sc;function oc(){let i=!1,c=!1,h=!1,$=!1;D.forEach((g,v)=>{if(g.show&&g._show){let{side:T,_size:E}=g,A=T%2,L=g.label!=null?g.labelSize:0,R=E+L;R>0&&(A?(Q-=R,T==3?(me+=R,$=!0):h=!0):(F-=R,T==0?(Ve+=R,i=!0):c=!0))}}),wn[0]=i,wn[1]=h,wn[2]=c,wn[3]=$,Q-=sn[1]+sn[3],me+=sn[3],F-=sn[2]+sn[0],Ve+=sn[0]}function ic(){let i=me+Q,c=Ve+F,h=me,$=Ve;function g(v,T){switch(v){case 1:return i+=T,i-T;case 2:return c+=T,c-T;case 3:return h-=T,h+T;case 0:return $-=T,$+T}}D.forEach((v,T)=>{if(v.show&&v._show){let E=v.side;v._pos=g(E,v._size),v.label!=null&&(v._lpos=g(E,v.labelSize))}})}if(I.dataIdx==null){let i=I.hover,c=i.skip=new Set(i.skip??[]);c.add(void 0);let h=i.prox=te(i.prox),$=i.bias??=0;I.dataIdx=(g,v,T,E)=>{if(v==0)return T;let A=T,L=h(g,v,T,E)??he,R=L>=0&&L<he,H=C.ori==0?Q:F,K=I.left,re=t[0],oe=t[v];if(c.has(oe[T])){A=null;let ee=null,G=null,j;if($==0||$==-1)for(j=T;ee==null&&j-- >0;)c.has(oe[j])||(ee=j);if($==0||$==1)for(j=T;G==null&&j++<oe.length;)c.has(oe[j])||(G=j);if(ee!=null||G!=null)if(R){let ve=ee==null?-1/0:O(re[ee],C,H,0),Ee=G==null?1/0:O(re[G],C,H,0),Je=K-ve,de=Ee-K;Je<=de?Je<=L&&(A=ee):de<=L&&(A=G)}else A=G==null?ee:ee==null?G:T-ee<=G-T?ee:G}else R&&ze(K-O(re[T],C,H,0))>L&&(A=null);return A}}const bn=i=>{I.event=i};I.idxs=fe,I._lock=!1;let Xe=I.points;Xe.show=te(Xe.show),Xe.size=te(Xe.size),Xe.stroke=te(Xe.stroke),Xe.width=te(Xe.width),Xe.fill=te(Xe.fill);const It=l.focus=Oe({},e.focus||{alpha:.3},I.focus),In=It.prox>=0,jn=In&&Xe.one;let wt=[],Vn=[],Wn=[];function Bo(i,c){let h=Xe.show(l,c);if(h instanceof HTMLElement)return $t(h,cf),$t(h,i.class),Ut(h,-10,-10,Q,F),S.insertBefore(h,wt[c]),h}function Yo(i,c){if(s==1||c>0){let h=s==1&&x[i.scale].time,$=i.value;i.value=h?cr($)?mr(ne,$r($,W)):$||se:$||kd,i.label=i.label||(h?$d:pd)}if(jn||c>0){i.width=i.width==null?1:i.width,i.paths=i.paths||Fd||Cf,i.fillTo=te(i.fillTo||Ed),i.pxAlign=+ie(i.pxAlign,b),i.pxRound=Tr(i.pxAlign),i.stroke=te(i.stroke||null),i.fill=te(i.fill||null),i._stroke=i._fill=i._paths=i._focus=null;let h=Sd(it(1,i.width),1),$=i.points=Oe({},{size:h,width:it(1,h*.2),stroke:i.stroke,space:h*2,paths:Hd,_stroke:null,_fill:null},i.points);$.show=te($.show),$.filter=te($.filter),$.fill=te($.fill),$.stroke=te($.stroke),$.paths=te($.paths),$.pxAlign=i.pxAlign}if(je){let h=Al(i,c);Ce.splice(c,0,h[0]),Ft.splice(c,0,h[1]),X.values.push(null)}if(tt){fe.splice(c,0,null);let h=null;jn?c==0&&(h=Bo(i,c)):c>0&&(h=Bo(i,c)),wt.splice(c,0,h),Vn.splice(c,0,0),Wn.splice(c,0,0)}Ke("addSeries",c)}function rc(i,c){c=c??k.length,i=s==1?vo(i,c,gr,kr):vo(i,c,{},wr),k.splice(c,0,i),Yo(k[c],c)}l.addSeries=rc;function ac(i){if(k.splice(i,1),je){X.values.splice(i,1),Ft.splice(i,1);let c=Ce.splice(i,1)[0];Rn(null,c.firstChild),c.remove()}tt&&(fe.splice(i,1),wt.splice(i,1)[0].remove(),Vn.splice(i,1),Wn.splice(i,1)),Ke("delSeries",i)}l.delSeries=ac;const wn=[!1,!1,!1,!1];function cc(i,c){if(i._show=i.show,i.show){let h=i.side%2,$=x[i.scale];$==null&&(i.scale=h?k[1].scale:N,$=x[i.scale]);let g=$.time;i.size=te(i.size),i.space=te(i.space),i.rotate=te(i.rotate),fn(i.incrs)&&i.incrs.forEach(T=>{!pn.has(T)&&pn.set(T,_a(T))}),i.incrs=te(i.incrs||($.distr==2?Kf:g?M==1?Zf:ed:Cn)),i.splits=te(i.splits||(g&&$.distr==1?rt:$.distr==3?mo:$.distr==4?gd:_d)),i.stroke=te(i.stroke),i.grid.stroke=te(i.grid.stroke),i.ticks.stroke=te(i.ticks.stroke),i.border.stroke=te(i.border.stroke);let v=i.values;i.values=fn(v)&&!fn(v[0])?te(v):g?fn(v)?pr(ne,hr(v,W)):cr(v)?ld(ne,v):v||ke:v||md,i.filter=te(i.filter||($.distr>=3&&$.log==10?bd:$.distr==3&&$.log==2?wd:$a)),i.font=Mr(i.font),i.labelFont=Mr(i.labelFont),i._size=i.size(l,null,c,0),i._space=i._rotate=i._incrs=i._found=i._splits=i._values=null,i._size>0&&(wn[c]=!0,i._el=Tt(sf,m))}}function fl(i,c,h,$){let[g,v,T,E]=h,A=c%2,L=0;return A==0&&(E||v)&&(L=c==0&&!g||c==2&&!T?We(_r.size/3):0),A==1&&(g||T)&&(L=c==1&&!v||c==3&&!E?We(vr.size/2):0),L}const qo=l.padding=(e.padding||[fl,fl,fl,fl]).map(i=>te(ie(i,fl))),sn=l._padding=qo.map((i,c)=>i(l,c,wn,0));let Ze,Ge=null,Be=null;const Ll=s==1?k[0].idxs:null;let Mt=null,dl=!1;function Ko(i,c){if(t=i??[],l.data=l._data=t,s==2){Ze=0;for(let h=1;h<k.length;h++)Ze+=t[h][0].length}else{t.length==0&&(l.data=l._data=t=[[]]),Mt=t[0],Ze=Mt.length;let h=t;if(V==2){h=t.slice();let $=h[0]=Array(Ze);for(let g=0;g<Ze;g++)$[g]=g}l._data=t=h}if(Un(!0),Ke("setData"),V==2&&(Hn=!0),c!==!1){let h=C;h.auto(l,dl)?ys():rn(N,h.min,h.max),vn=vn||I.left>=0,bt=!0,Gn()}}l.setData=Ko;function ys(){dl=!0;let i,c;s==1&&(Ze>0?(Ge=Ll[0]=0,Be=Ll[1]=Ze-1,i=t[0][Ge],c=t[0][Be],V==2?(i=Ge,c=Be):i==c&&(V==3?[i,c]=cs(i,i,C.log,!1):V==4?[i,c]=Lo(i,i,C.log,!1):C.time?c=i+We(86400/M):[i,c]=ts(i,c,No,!0))):(Ge=Ll[0]=i=null,Be=Ll[1]=c=null)),rn(N,i,c)}let Nl,zn,vs,bs,ws,ks,Ss,Ts,xs,ct;function Jo(i,c,h,$,g,v){i??=Bi,h??=Ro,$??="butt",g??=Bi,v??="round",i!=Nl&&(_.strokeStyle=Nl=i),g!=zn&&(_.fillStyle=zn=g),c!=vs&&(_.lineWidth=vs=c),v!=ws&&(_.lineJoin=ws=v),$!=ks&&(_.lineCap=ks=$),h!=bs&&_.setLineDash(bs=h)}function Zo(i,c,h,$){c!=zn&&(_.fillStyle=zn=c),i!=Ss&&(_.font=Ss=i),h!=Ts&&(_.textAlign=Ts=h),$!=xs&&(_.textBaseline=xs=$)}function Cs(i,c,h,$,g=0){if($.length>0&&i.auto(l,dl)&&(c==null||c.min==null)){let v=ie(Ge,0),T=ie(Be,$.length-1),E=h.min==null?bf($,v,T,g,i.distr==3):[h.min,h.max];i.min=Ot(i.min,h.min=E[0]),i.max=it(i.max,h.max=E[1])}}const Qo={min:null,max:null};function uc(){for(let $ in x){let g=x[$];z[$]==null&&(g.min==null||z[N]!=null&&g.auto(l,dl))&&(z[$]=Qo)}for(let $ in x){let g=x[$];z[$]==null&&g.from!=null&&z[g.from]!=null&&(z[$]=Qo)}z[N]!=null&&Un(!0);let i={};for(let $ in z){let g=z[$];if(g!=null){let v=i[$]=ol(x[$],Af);if(g.min!=null)Oe(v,g);else if($!=N||s==2)if(Ze==0&&v.from==null){let T=v.range(l,null,null,$);v.min=T[0],v.max=T[1]}else v.min=he,v.max=-he}}if(Ze>0){k.forEach(($,g)=>{if(s==1){let v=$.scale,T=z[v];if(T==null)return;let E=i[v];if(g==0){let A=E.range(l,E.min,E.max,v);E.min=A[0],E.max=A[1],Ge=Lt(E.min,t[0]),Be=Lt(E.max,t[0]),Be-Ge>1&&(t[0][Ge]<E.min&&Ge++,t[0][Be]>E.max&&Be--),$.min=Mt[Ge],$.max=Mt[Be]}else $.show&&$.auto&&Cs(E,T,$,t[g],$.sorted);$.idxs[0]=Ge,$.idxs[1]=Be}else if(g>0&&$.show&&$.auto){let[v,T]=$.facets,E=v.scale,A=T.scale,[L,R]=t[g],H=i[E],K=i[A];H!=null&&Cs(H,z[E],v,L,v.sorted),K!=null&&Cs(K,z[A],T,R,T.sorted),$.min=T.min,$.max=T.max}});for(let $ in i){let g=i[$],v=z[$];if(g.from==null&&(v==null||v.min==null)){let T=g.range(l,g.min==he?null:g.min,g.max==-he?null:g.max,$);g.min=T[0],g.max=T[1]}}}for(let $ in i){let g=i[$];if(g.from!=null){let v=i[g.from];if(v.min==null)g.min=g.max=null;else{let T=g.range(l,v.min,v.max,$);g.min=T[0],g.max=T[1]}}}let c={},h=!1;for(let $ in i){let g=i[$],v=x[$];if(v.min!=g.min||v.max!=g.max){v.min=g.min,v.max=g.max;let T=v.distr;v._min=T==3?Xt(v.min):T==4?Bs(v.min,v.asinh):T==100?v.fwd(v.min):v.min,v._max=T==3?Xt(v.max):T==4?Bs(v.max,v.asinh):T==100?v.fwd(v.max):v.max,c[$]=h=!0}}if(h){k.forEach(($,g)=>{s==2?g>0&&c.y&&($._paths=null):c[$.scale]&&($._paths=null)});for(let $ in c)Hn=!0,Ke("setScale",$);tt&&I.left>=0&&(vn=bt=!0)}for(let $ in z)z[$]=null}function fc(i){let c=$o(Ge-1,0,Ze-1),h=$o(Be+1,0,Ze-1);for(;i[c]==null&&c>0;)c--;for(;i[h]==null&&h<Ze-1;)h++;return[c,h]}function dc(){if(Ze>0){let i=k.some(c=>c._focus)&&ct!=It.alpha;i&&(_.globalAlpha=ct=It.alpha),k.forEach((c,h)=>{if(h>0&&c.show&&(Xo(h,!1),Xo(h,!0),c._paths==null)){let $=ct;ct!=c.alpha&&(_.globalAlpha=ct=c.alpha);let g=s==2?[0,t[h][0].length-1]:fc(t[h]);c._paths=c.paths(l,h,g[0],g[1]),ct!=$&&(_.globalAlpha=ct=$)}}),k.forEach((c,h)=>{if(h>0&&c.show){let $=ct;ct!=c.alpha&&(_.globalAlpha=ct=c.alpha),c._paths!=null&&ei(h,!1);{let g=c._paths!=null?c._paths.gaps:null,v=c.points.show(l,h,Ge,Be,g),T=c.points.filter(l,h,v,g);(v||T)&&(c.points._paths=c.points.paths(l,h,Ge,Be,T),ei(h,!0))}ct!=$&&(_.globalAlpha=ct=$),Ke("drawSeries",h)}}),i&&(_.globalAlpha=ct=1)}}function Xo(i,c){let h=c?k[i].points:k[i];h._stroke=h.stroke(l,i),h._fill=h.fill(l,i)}function ei(i,c){let h=c?k[i].points:k[i],{stroke:$,fill:g,clip:v,flags:T,_stroke:E=h._stroke,_fill:A=h._fill,_width:L=h.width}=h._paths;L=pe(L*ae,3);let R=null,H=L%2/2;c&&A==null&&(A=L>0?"#fff":E);let K=h.pxAlign==1&&H>0;if(K&&_.translate(H,H),!c){let re=ft-L/2,oe=vt-L/2,ee=at+L,G=Et+L;R=new Path2D,R.rect(re,oe,ee,G)}c?Es(E,L,h.dash,h.cap,A,$,g,T,v):hc(i,E,L,h.dash,h.cap,A,$,g,T,R,v),K&&_.translate(-H,-H)}function hc(i,c,h,$,g,v,T,E,A,L,R){let H=!1;A!=0&&Y.forEach((K,re)=>{if(K.series[0]==i){let oe=k[K.series[1]],ee=t[K.series[1]],G=(oe._paths||xl).band;fn(G)&&(G=K.dir==1?G[0]:G[1]);let j,ve=null;oe.show&&G&&kf(ee,Ge,Be)?(ve=K.fill(l,re)||v,j=oe._paths.clip):G=null,Es(c,h,$,g,ve,T,E,A,L,R,j,G),H=!0}}),H||Es(c,h,$,g,v,T,E,A,L,R)}const ti=il|go;function Es(i,c,h,$,g,v,T,E,A,L,R,H){Jo(i,c,h,$,g),(A||L||H)&&(_.save(),A&&_.clip(A),L&&_.clip(L)),H?(E&ti)==ti?(_.clip(H),R&&_.clip(R),Rl(g,T),Ol(i,v,c)):E&go?(Rl(g,T),_.clip(H),Ol(i,v,c)):E&il&&(_.save(),_.clip(H),R&&_.clip(R),Rl(g,T),_.restore(),Ol(i,v,c)):(Rl(g,T),Ol(i,v,c)),(A||L||H)&&_.restore()}function Ol(i,c,h){h>0&&(c instanceof Map?c.forEach(($,g)=>{_.strokeStyle=Nl=g,_.stroke($)}):c!=null&&i&&_.stroke(c))}function Rl(i,c){c instanceof Map?c.forEach((h,$)=>{_.fillStyle=zn=$,_.fill(h)}):c!=null&&i&&_.fill(c)}function pc(i,c,h,$){let g=D[i],v;if($<=0)v=[0,0];else{let T=g._space=g.space(l,i,c,h,$),E=g._incrs=g.incrs(l,i,c,h,$,T);v=Ud(c,h,E,$,T)}return g._found=v}function Ms(i,c,h,$,g,v,T,E,A,L){let R=T%2/2;b==1&&_.translate(R,R),Jo(E,T,A,L,E),_.beginPath();let H,K,re,oe,ee=g+($==0||$==3?-v:v);h==0?(K=g,oe=ee):(H=g,re=ee);for(let G=0;G<i.length;G++)c[G]!=null&&(h==0?H=re=i[G]:K=oe=i[G],_.moveTo(H,K),_.lineTo(re,oe));_.stroke(),b==1&&_.translate(-R,-R)}function $c(i){let c=!0;return D.forEach((h,$)=>{if(!h.show)return;let g=x[h.scale];if(g.min==null){h._show&&(c=!1,h._show=!1,Un(!1));return}else h._show||(c=!1,h._show=!0,Un(!1));let v=h.side,T=v%2,{min:E,max:A}=g,[L,R]=pc($,E,A,T==0?Q:F);if(R==0)return;let H=g.distr==2,K=h._splits=h.splits(l,$,E,A,L,R,H),re=g.distr==2?K.map(j=>Mt[j]):K,oe=g.distr==2?Mt[K[1]]-Mt[K[0]]:L,ee=h._values=h.values(l,h.filter(l,re,$,R,oe),$,R,oe);h._rotate=v==2?h.rotate(l,ee,$,R):0;let G=h._size;h._size=xt(h.size(l,ee,$,i)),G!=null&&h._size!=G&&(c=!1)}),c}function mc(i){let c=!0;return qo.forEach((h,$)=>{let g=h(l,$,wn,i);g!=sn[$]&&(c=!1),sn[$]=g}),c}function _c(){for(let i=0;i<D.length;i++){let c=D[i];if(!c.show||!c._show)continue;let h=c.side,$=h%2,g,v,T=c.stroke(l,i),E=h==0||h==3?-1:1,[A,L]=c._found;if(c.label!=null){let st=c.labelGap*E,pt=We((c._lpos+st)*ae);Zo(c.labelFont[0],T,"center",h==2?gl:Gi),_.save(),$==1?(g=v=0,_.translate(pt,We(vt+Et/2)),_.rotate((h==3?-Jl:Jl)/2)):(g=We(ft+at/2),v=pt);let Tn=ha(c.label)?c.label(l,i,A,L):c.label;_.fillText(Tn,g,v),_.restore()}if(L==0)continue;let R=x[c.scale],H=$==0?at:Et,K=$==0?ft:vt,re=c._splits,oe=R.distr==2?re.map(st=>Mt[st]):re,ee=R.distr==2?Mt[re[1]]-Mt[re[0]]:A,G=c.ticks,j=c.border,ve=G.show?G.size:0,Ee=We(ve*ae),Je=We((c.alignTo==2?c._size-ve-c.gap:c.gap)*ae),de=c._rotate*-Jl/180,Me=w(c._pos*ae),dt=(Ee+Je)*E,lt=Me+dt;v=$==0?lt:0,g=$==1?lt:0;let kt=c.font[0],At=c.align==1?Xn:c.align==2?zs:de>0?Xn:de<0?zs:$==0?"center":h==3?zs:Xn,Wt=de||$==1?"middle":h==2?gl:Gi;Zo(kt,T,At,Wt);let ht=c.font[1]*c.lineGap,St=re.map(st=>w(a(st,R,H,K))),Pt=c._values;for(let st=0;st<Pt.length;st++){let pt=Pt[st];if(pt!=null){$==0?g=St[st]:v=St[st],pt=""+pt;let Tn=pt.indexOf(`
`)==-1?[pt]:pt.split(/\n/gm);for(let ot=0;ot<Tn.length;ot++){let vi=Tn[ot];de?(_.save(),_.translate(g,v+ot*ht),_.rotate(de),_.fillText(vi,0,0),_.restore()):_.fillText(vi,g,v+ot*ht)}}}G.show&&Ms(St,G.filter(l,oe,i,L,ee),$,h,Me,Ee,pe(G.width*ae,3),G.stroke(l,i),G.dash,G.cap);let zt=c.grid;zt.show&&Ms(St,zt.filter(l,oe,i,L,ee),$,$==0?2:1,$==0?vt:ft,$==0?Et:at,pe(zt.width*ae,3),zt.stroke(l,i),zt.dash,zt.cap),j.show&&Ms([Me],[1],$==0?1:0,$==0?1:2,$==1?vt:ft,$==1?Et:at,pe(j.width*ae,3),j.stroke(l,i),j.dash,j.cap)}Ke("drawAxes")}function Un(i){k.forEach((c,h)=>{h>0&&(c._paths=null,i&&(s==1?(c.min=null,c.max=null):c.facets.forEach($=>{$.min=null,$.max=null})))})}let Fl=!1,As=!1,hl=[];function gc(){As=!1;for(let i=0;i<hl.length;i++)Ke(...hl[i]);hl.length=0}function Gn(){Fl||(Ff(ni),Fl=!0)}function yc(i,c=!1){Fl=!0,As=c,i(l),ni(),c&&hl.length>0&&queueMicrotask(gc)}l.batch=yc;function ni(){if(_s&&(uc(),_s=!1),Hn&&(lc(),Hn=!1),Pl){if(be(y,Xn,me),be(y,gl,Ve),be(y,vl,Q),be(y,bl,F),be(S,Xn,me),be(S,gl,Ve),be(S,vl,Q),be(S,bl,F),be(m,vl,Jt),be(m,bl,_n),p.width=We(Jt*ae),p.height=We(_n*ae),D.forEach(({_el:i,_show:c,_size:h,_pos:$,side:g})=>{if(i!=null)if(c){let v=g===3||g===0?h:0,T=g%2==1;be(i,T?"left":"top",$-v),be(i,T?"width":"height",h),be(i,T?"top":"left",T?Ve:me),be(i,T?"height":"width",T?F:Q),ho(i,En)}else $t(i,En)}),Nl=zn=vs=ws=ks=Ss=Ts=xs=bs=null,ct=1,ml(!0),me!=Fn||Ve!=gn||Q!=Ht||F!=yn){Un(!1);let i=Q/Ht,c=F/yn;if(tt&&!vn&&I.left>=0){I.left*=i,I.top*=c,Bn&&Ut(Bn,We(I.left),0,Q,F),Yn&&Ut(Yn,0,We(I.top),Q,F);for(let h=0;h<wt.length;h++){let $=wt[h];$!=null&&(Vn[h]*=i,Wn[h]*=c,Ut($,xt(Vn[h]),xt(Wn[h]),Q,F))}}if(ye.show&&!Dl&&ye.left>=0&&ye.width>0){ye.left*=i,ye.width*=i,ye.top*=c,ye.height*=c;for(let h in Rs)be(Jn,h,ye[h])}Fn=me,gn=Ve,Ht=Q,yn=F}Ke("setSize"),Pl=!1}Jt>0&&_n>0&&(_.clearRect(0,0,p.width,p.height),Ke("drawClear"),U.forEach(i=>i()),Ke("draw")),ye.show&&Dl&&(Hl(ye),Dl=!1),tt&&vn&&(Sn(null,!0,!1),vn=!1),X.show&&X.live&&bt&&(Ns(),bt=!1),u||(u=!0,l.status=1,Ke("ready")),dl=!1,Fl=!1}l.redraw=(i,c)=>{Hn=c||!1,i!==!1?rn(N,C.min,C.max):Gn()};function Ps(i,c){let h=x[i];if(h.from==null){if(Ze==0){let $=h.range(l,c.min,c.max,i);c.min=$[0],c.max=$[1]}if(c.min>c.max){let $=c.min;c.min=c.max,c.max=$}if(Ze>1&&c.min!=null&&c.max!=null&&c.max-c.min<1e-16)return;i==N&&h.distr==2&&Ze>0&&(c.min=Lt(c.min,t[0]),c.max=Lt(c.max,t[0]),c.min==c.max&&c.max++),z[i]=c,_s=!0,Gn()}}l.setScale=Ps;let Ds,Ls,Bn,Yn,li,si,qn,Kn,oi,ii,ge,Te,on=!1;const Qe=I.drag;let Ye=Qe.x,qe=Qe.y;tt&&(I.x&&(Ds=Tt(rf,S)),I.y&&(Ls=Tt(af,S)),C.ori==0?(Bn=Ds,Yn=Ls):(Bn=Ls,Yn=Ds),ge=I.left,Te=I.top);const ye=l.select=Oe({show:!0,over:!0,left:0,width:0,top:0,height:0},e.select),Jn=ye.show?Tt(of,ye.over?S:y):null;function Hl(i,c){if(ye.show){for(let h in i)ye[h]=i[h],h in Rs&&be(Jn,h,i[h]);c!==!1&&Ke("setSelect")}}l.setSelect=Hl;function vc(i){if(k[i].show)je&&ho(Ce[i],En);else if(je&&$t(Ce[i],En),tt){let h=jn?wt[0]:wt[i];h!=null&&Ut(h,-10,-10,Q,F)}}function rn(i,c,h){Ps(i,{min:c,max:h})}function jt(i,c,h,$){c.focus!=null&&Tc(i),c.show!=null&&k.forEach((g,v)=>{v>0&&(i==v||i==null)&&(g.show=c.show,vc(v),s==2?(rn(g.facets[0].scale,null,null),rn(g.facets[1].scale,null,null)):rn(g.scale,null,null),Gn())}),h!==!1&&Ke("setSeries",i,c),$&&_l("setSeries",l,i,c)}l.setSeries=jt;function bc(i,c){Oe(Y[i],c)}function wc(i,c){i.fill=te(i.fill||null),i.dir=ie(i.dir,-1),c=c??Y.length,Y.splice(c,0,i)}function kc(i){i==null?Y.length=0:Y.splice(i,1)}l.addBand=wc,l.setBand=bc,l.delBand=kc;function Sc(i,c){k[i].alpha=c,tt&&wt[i]!=null&&(wt[i].style.opacity=c),je&&Ce[i]&&(Ce[i].style.opacity=c)}let Zt,an,kn;const Zn={focus:!0};function Tc(i){if(i!=kn){let c=i==null,h=It.alpha!=1;k.forEach(($,g)=>{if(s==1||g>0){let v=c||g==0||g==i;$._focus=c?null:v,h&&Sc(g,v?1:It.alpha)}}),kn=i,h&&Gn()}}je&&In&&nt(Ki,ce,i=>{I._lock||(bn(i),kn!=null&&jt(null,Zn,!0,Ne.setSeries))});function Vt(i,c,h){let $=x[c];h&&(i=i/ae-($.ori==1?Ve:me));let g=Q;$.ori==1&&(g=F,i=g-i),$.dir==-1&&(i=g-i);let v=$._min,T=$._max,E=i/g,A=v+(T-v)*E,L=$.distr;return L==3?ll(10,A):L==4?Tf(A,$.asinh):L==100?$.bwd(A):A}function xc(i,c){let h=Vt(i,N,c);return Lt(h,t[0],Ge,Be)}l.valToIdx=i=>Lt(i,t[0]),l.posToIdx=xc,l.posToVal=Vt,l.valToPos=(i,c,h)=>x[c].ori==0?o(i,x[c],h?at:Q,h?ft:0):r(i,x[c],h?Et:F,h?vt:0),l.setCursor=(i,c,h)=>{ge=i.left,Te=i.top,Sn(null,c,h)};function ri(i,c){be(Jn,Xn,ye.left=i),be(Jn,vl,ye.width=c)}function ai(i,c){be(Jn,gl,ye.top=i),be(Jn,bl,ye.height=c)}let pl=C.ori==0?ri:ai,$l=C.ori==1?ri:ai;function Cc(){if(je&&X.live)for(let i=s==2?1:0;i<k.length;i++){if(i==0&&yt)continue;let c=X.values[i],h=0;for(let $ in c)Ft[i][h++].firstChild.nodeValue=c[$]}}function Ns(i,c){if(i!=null&&(i.idxs?i.idxs.forEach((h,$)=>{fe[$]=h}):Mf(i.idx)||fe.fill(i.idx),X.idx=fe[0]),je&&X.live){for(let h=0;h<k.length;h++)(h>0||s==1&&!yt)&&Ec(h,fe[h]);Cc()}bt=!1,c!==!1&&Ke("setLegend")}l.setLegend=Ns;function Ec(i,c){let h=k[i],$=i==0&&V==2?Mt:t[i],g;yt?g=h.values(l,i,c)??ln:(g=h.value(l,c==null?null:$[c],i,c),g=g==null?ln:{_:g}),X.values[i]=g}function Sn(i,c,h){oi=ge,ii=Te,[ge,Te]=I.move(l,ge,Te),I.left=ge,I.top=Te,tt&&(Bn&&Ut(Bn,We(ge),0,Q,F),Yn&&Ut(Yn,0,We(Te),Q,F));let $,g=Ge>Be;Zt=he,an=null;let v=C.ori==0?Q:F,T=C.ori==1?Q:F;if(ge<0||Ze==0||g){$=I.idx=null;for(let E=0;E<k.length;E++){let A=wt[E];A!=null&&Ut(A,-10,-10,Q,F)}In&&jt(null,Zn,!0,i==null&&Ne.setSeries),X.live&&(fe.fill($),bt=!0)}else{let E,A,L;s==1&&(E=C.ori==0?ge:Te,A=Vt(E,N),$=I.idx=Lt(A,t[0],Ge,Be),L=O(t[0][$],C,v,0));let R=-10,H=-10,K=0,re=0,oe=!0,ee="",G="";for(let j=s==2?1:0;j<k.length;j++){let ve=k[j],Ee=fe[j],Je=Ee==null?null:s==1?t[j][Ee]:t[j][1][Ee],de=I.dataIdx(l,j,$,A),Me=de==null?null:s==1?t[j][de]:t[j][1][de];if(bt=bt||Me!=Je||de!=Ee,fe[j]=de,j>0&&ve.show){let dt=de==null?-10:de==$?L:O(s==1?t[0][de]:t[j][0][de],C,v,0),lt=Me==null?-10:q(Me,s==1?x[ve.scale]:x[ve.facets[1].scale],T,0);if(In&&Me!=null){let kt=C.ori==1?ge:Te,At=ze(It.dist(l,j,de,lt,kt));if(At<Zt){let Wt=It.bias;if(Wt!=0){let ht=Vt(kt,ve.scale),St=Me>=0?1:-1,Pt=ht>=0?1:-1;Pt==St&&(Pt==1?Wt==1?Me>=ht:Me<=ht:Wt==1?Me<=ht:Me>=ht)&&(Zt=At,an=j)}else Zt=At,an=j}}if(bt||jn){let kt,At;C.ori==0?(kt=dt,At=lt):(kt=lt,At=dt);let Wt,ht,St,Pt,zt,st,pt=!0,Tn=Xe.bbox;if(Tn!=null){pt=!1;let ot=Tn(l,j);St=ot.left,Pt=ot.top,Wt=ot.width,ht=ot.height}else St=kt,Pt=At,Wt=ht=Xe.size(l,j);if(st=Xe.fill(l,j),zt=Xe.stroke(l,j),jn)j==an&&Zt<=It.prox&&(R=St,H=Pt,K=Wt,re=ht,oe=pt,ee=st,G=zt);else{let ot=wt[j];ot!=null&&(Vn[j]=St,Wn[j]=Pt,nr(ot,Wt,ht,pt),er(ot,st,zt),Ut(ot,xt(St),xt(Pt),Q,F))}}}}if(jn){let j=It.prox,ve=kn==null?Zt<=j:Zt>j||an!=kn;if(bt||ve){let Ee=wt[0];Ee!=null&&(Vn[0]=R,Wn[0]=H,nr(Ee,K,re,oe),er(Ee,ee,G),Ut(Ee,xt(R),xt(H),Q,F))}}}if(ye.show&&on)if(i!=null){let[E,A]=Ne.scales,[L,R]=Ne.match,[H,K]=i.cursor.sync.scales,re=i.cursor.drag;if(Ye=re._x,qe=re._y,Ye||qe){let{left:oe,top:ee,width:G,height:j}=i.select,ve=i.scales[H].ori,Ee=i.posToVal,Je,de,Me,dt,lt,kt=E!=null&&L(E,H),At=A!=null&&R(A,K);kt&&Ye?(ve==0?(Je=oe,de=G):(Je=ee,de=j),Me=x[E],dt=O(Ee(Je,H),Me,v,0),lt=O(Ee(Je+de,H),Me,v,0),pl(Ot(dt,lt),ze(lt-dt))):pl(0,v),At&&qe?(ve==1?(Je=oe,de=G):(Je=ee,de=j),Me=x[A],dt=q(Ee(Je,K),Me,T,0),lt=q(Ee(Je+de,K),Me,T,0),$l(Ot(dt,lt),ze(lt-dt))):$l(0,T)}else Fs()}else{let E=ze(oi-li),A=ze(ii-si);if(C.ori==1){let K=E;E=A,A=K}Ye=Qe.x&&E>=Qe.dist,qe=Qe.y&&A>=Qe.dist;let L=Qe.uni;L!=null?Ye&&qe&&(Ye=E>=L,qe=A>=L,!Ye&&!qe&&(A>E?qe=!0:Ye=!0)):Qe.x&&Qe.y&&(Ye||qe)&&(Ye=qe=!0);let R,H;Ye&&(C.ori==0?(R=qn,H=ge):(R=Kn,H=Te),pl(Ot(R,H),ze(H-R)),qe||$l(0,T)),qe&&(C.ori==1?(R=qn,H=ge):(R=Kn,H=Te),$l(Ot(R,H),ze(H-R)),Ye||pl(0,v)),!Ye&&!qe&&(pl(0,0),$l(0,0))}if(Qe._x=Ye,Qe._y=qe,i==null){if(h){if(yi!=null){let[E,A]=Ne.scales;Ne.values[0]=E!=null?Vt(C.ori==0?ge:Te,E):null,Ne.values[1]=A!=null?Vt(C.ori==1?ge:Te,A):null}_l(Us,l,ge,Te,Q,F,$)}if(In){let E=h&&Ne.setSeries,A=It.prox;kn==null?Zt<=A&&jt(an,Zn,!0,E):Zt>A?jt(null,Zn,!0,E):an!=kn&&jt(an,Zn,!0,E)}}bt&&(X.idx=$,Ns()),c!==!1&&Ke("setCursor")}let cn=null;Object.defineProperty(l,"rect",{get(){return cn==null&&ml(!1),cn}});function ml(i=!1){i?cn=null:(cn=S.getBoundingClientRect(),Ke("syncRect",cn))}function ci(i,c,h,$,g,v,T){I._lock||on&&i!=null&&i.movementX==0&&i.movementY==0||(Os(i,c,h,$,g,v,T,!1,i!=null),i!=null?Sn(null,!0,!0):Sn(c,!0,!1))}function Os(i,c,h,$,g,v,T,E,A){if(cn==null&&ml(!1),bn(i),i!=null)h=i.clientX-cn.left,$=i.clientY-cn.top;else{if(h<0||$<0){ge=-10,Te=-10;return}let[L,R]=Ne.scales,H=c.cursor.sync,[K,re]=H.values,[oe,ee]=H.scales,[G,j]=Ne.match,ve=c.axes[0].side%2==1,Ee=C.ori==0?Q:F,Je=C.ori==1?Q:F,de=ve?v:g,Me=ve?g:v,dt=ve?$:h,lt=ve?h:$;if(oe!=null?h=G(L,oe)?a(K,x[L],Ee,0):-10:h=Ee*(dt/de),ee!=null?$=j(R,ee)?a(re,x[R],Je,0):-10:$=Je*(lt/Me),C.ori==1){let kt=h;h=$,$=kt}}A&&(c==null||c.cursor.event.type==Us)&&((h<=1||h>=Q-1)&&(h=xn(h,Q)),($<=1||$>=F-1)&&($=xn($,F))),E?(li=h,si=$,[qn,Kn]=I.move(l,h,$)):(ge=h,Te=$)}const Rs={width:0,height:0,left:0,top:0};function Fs(){Hl(Rs,!1)}let ui,fi,di,hi;function pi(i,c,h,$,g,v,T){on=!0,Ye=qe=Qe._x=Qe._y=!1,Os(i,c,h,$,g,v,T,!0,!1),i!=null&&(nt(Gs,uo,$i,!1),_l(Yi,l,qn,Kn,Q,F,null));let{left:E,top:A,width:L,height:R}=ye;ui=E,fi=A,di=L,hi=R}function $i(i,c,h,$,g,v,T){on=Qe._x=Qe._y=!1,Os(i,c,h,$,g,v,T,!1,!0);let{left:E,top:A,width:L,height:R}=ye,H=L>0||R>0,K=ui!=E||fi!=A||di!=L||hi!=R;if(H&&K&&Hl(ye),Qe.setScale&&H&&K){let re=E,oe=L,ee=A,G=R;if(C.ori==1&&(re=A,oe=R,ee=E,G=L),Ye&&rn(N,Vt(re,N),Vt(re+oe,N)),qe)for(let j in x){let ve=x[j];j!=N&&ve.from==null&&ve.min!=he&&rn(j,Vt(ee+G,j),Vt(ee,j))}Fs()}else I.lock&&(I._lock=!I._lock,Sn(c,!0,i!=null));i!=null&&(Rn(Gs,uo),_l(Gs,l,ge,Te,Q,F,null))}function Mc(i,c,h,$,g,v,T){if(I._lock)return;bn(i);let E=on;if(on){let A=!0,L=!0,R=10,H,K;C.ori==0?(H=Ye,K=qe):(H=qe,K=Ye),H&&K&&(A=ge<=R||ge>=Q-R,L=Te<=R||Te>=F-R),H&&A&&(ge=ge<qn?0:Q),K&&L&&(Te=Te<Kn?0:F),Sn(null,!0,!0),on=!1}ge=-10,Te=-10,fe.fill(null),Sn(null,!0,!0),E&&(on=E)}function mi(i,c,h,$,g,v,T){I._lock||(bn(i),ys(),Fs(),i!=null&&_l(Ji,l,ge,Te,Q,F,null))}function _i(){D.forEach(Gd),gs(l.width,l.height,!0)}Pn(es,tl,_i);const Qn={};Qn.mousedown=pi,Qn.mousemove=ci,Qn.mouseup=$i,Qn.dblclick=mi,Qn.setSeries=(i,c,h,$)=>{let g=Ne.match[2];h=g(l,c,h),h!=-1&&jt(h,$,!0,!1)},tt&&(nt(Yi,S,pi),nt(Us,S,ci),nt(qi,S,i=>{bn(i),ml(!1)}),nt(Ki,S,Mc),nt(Ji,S,mi),yo.add(l),l.syncRect=ml);const Il=l.hooks=e.hooks||{};function Ke(i,c,h){As?hl.push([i,c,h]):i in Il&&Il[i].forEach($=>{$.call(null,l,c,h)})}(e.plugins||[]).forEach(i=>{for(let c in i.hooks)Il[c]=(Il[c]||[]).concat(i.hooks[c])});const gi=(i,c,h)=>h,Ne=Oe({key:null,setSeries:!1,filters:{pub:rr,sub:rr},scales:[N,k[1]?k[1].scale:null],match:[ar,ar,gi],values:[null,null]},I.sync);Ne.match.length==2&&Ne.match.push(gi),I.sync=Ne;const yi=Ne.key,Hs=Fa(yi);function _l(i,c,h,$,g,v,T){Ne.filters.pub(i,c,h,$,g,v,T)&&Hs.pub(i,c,h,$,g,v,T)}Hs.sub(l);function Ac(i,c,h,$,g,v,T){Ne.filters.sub(i,c,h,$,g,v,T)&&Qn[i](null,c,h,$,g,v,T)}l.pub=Ac;function Pc(){Hs.unsub(l),yo.delete(l),mn.clear(),po(es,tl,_i),f.remove(),ce?.remove(),Ke("destroy")}l.destroy=Pc;function Is(){Ke("init",e,t),Ko(t||e.data,!1),z[N]?Ps(N,z[N]):ys(),Dl=ye.show&&(ye.width>0||ye.height>0),vn=bt=!0,gs(e.width,e.height)}return k.forEach(Yo),D.forEach(cc),n?n instanceof HTMLElement?(n.appendChild(f),Is()):n(l,Is):Is(),l}et.assign=Oe;et.fmtNum=Oo;et.rangeNum=ts;et.rangeLog=cs;et.rangeAsinh=Lo;et.orient=Ln;et.pxRatio=ae;et.join=Rf;et.fmtDate=Fo,et.tzDate=Yf;et.sync=Fa;{et.addGap=Md,et.clipGaps=ds;let e=et.paths={points:za};e.linear=Ga,e.stepped=Dd,e.bars=Ld,e.spline=Od}const Ka=180,Js=matchMedia("(prefers-color-scheme: dark)"),Zs=e=>getComputedStyle(document.documentElement).getPropertyValue(e).trim();function Bd(e,t,n){const l={stroke:Zs("--muted"),grid:{stroke:Zs("--line"),width:1},ticks:{show:!1}},s=t.map(({name:o,stroke:r,dash:a})=>({label:o,stroke:Zs(r),width:2,dash:a,spanGaps:!1,points:{size:5},value:(u,f)=>n(f)}));return{width:e,height:Ka,cursor:{y:!1},scales:{y:{range:(o,r,a)=>[0,Math.max(a||0,1)*1.1]}},axes:[l,{...l,size:56}],series:[{value:(o,r)=>_t(r)},...s]}}function Ar({title:e,times:t,series:n,format:l}){const s=is(null),[o,r]=le(Js.matches);Yt(()=>{const u=f=>r(f.matches);return Js.addEventListener("change",u),()=>Js.removeEventListener("change",u)},[]),Yt(()=>{const u=s.current,f=[t,...n.map(m=>m.values)],p=new et(Bd(u.clientWidth,n,l),f,u),_=new ResizeObserver(()=>p.setSize({width:u.clientWidth,height:Ka}));return _.observe(u),()=>{_.disconnect(),p.destroy()}},[t,n,o]);const a=[["from",u=>_t(t[u])],...n.map(({name:u,values:f})=>[u,p=>l(f[p]),"n"])];return d`<figure>
    <figcaption>${e}</figcaption>
    <div class="chart" ref=${s} aria-hidden="true"></div>
    <details>
      <summary>The numbers</summary>
      <${_e} caption=${e} hideCaption columns=${a} rows=${t.map((u,f)=>f)} />
    </details>
  </figure>`}const Ja={24:"24 hours",168:"7 days"},Yd={passed:"good",refused:"bad",forced:"warn"};function qd({ready:e}){const t=[...e.refused?[`The newest bundle is not served: ${e.refused}`]:[],...e.redis==="down"?["Redis does not answer: lists rest on what is in memory."]:[],...e.draining?["The service is about to end."]:[],...e.fallback?["The last good bundle is served instead of the current one."]:[],...e.trained===!1&&e.bundle?["Nothing has been trained yet."]:[],...e.warnings||[]];return t.length?d`<div class="notice warn" role="status">
    <strong>${e.ready?"Ready, with warnings":"Not ready"}</strong>
    <ul>${t.map(n=>d`<li>${n}</li>`)}</ul>
  </div>`:d`<p class="notice good" role="status">Ready, and nothing to warn of.</p>`}function Kd({bundle:e}){if(!e)return d`<${De}>No bundle is in service. Train one with <code>recfunnel train</code>.<//>`;const{ndcg:t}=e;return d`<dl class="tiles">
    <${Nt} name="Bundle" value=${d`<code>${e.version}</code>`} note=${e.dataset} />
    <${Nt} name="Age" value=${Zr(e.created)} note=${`made ${_t(e.created)}`} />
    <${Nt} name="Gate" value=${d`<${Le} kind=${Yd[e.gate]}>${e.gate||"did not run"}<//>`} />
    <${Nt}
      name="NDCG@10 in the test"
      value=${Pe(t?.mean)}
      note=${t&&`${Pe(t.low)} to ${Pe(t.high)}`}
    />
    <${Nt} name="Items that can be shown" value=${J(e.items)} />
    <${Nt} name="Users of the bundle" value=${J(e.users)} />
  </dl>`}function Jd({activity:e,hours:t}){const{total:n,budget_ms:l}=e,s=e.hours.reduce((f,p)=>f+p.degraded,0),o=e.hours.reduce((f,p)=>f+p.rejected,0),r=e.hours.reduce((f,p)=>f+p.events,0),a=Math.max(60,Date.now()/1e3-e.hours[0].at),u=Eo(()=>{const f=e.hours;return{times:f.map(p=>p.at),lists:[{name:"lists",stroke:"--accent",values:f.map(p=>p.lists)}],latency:[{name:"p99",stroke:"--accent",values:f.map(p=>p.p99_ms)},{name:"budget",stroke:"--bad",dash:[6,4],values:f.map(()=>l)}]}},[e]);return d`
    <dl class="tiles">
      <${Nt} name="Lists" value=${J(n.lists)} note=${Jc(n.lists/a)} />
      <${Nt}
        name="p99 of a list"
        value=${Qt(n.p99_ms)}
        note=${`budget ${Qt(l)}, p50 ${Qt(n.p50_ms)}`}
        bad=${n.p99_ms>l}
      />
      <${Nt} name="Degraded" value=${Bt(n.lists?s/n.lists:null)} note=${`${J(s)} lists`} />
      <${Nt} name="Rejected" value=${J(o)} note="full, answered 503" bad=${o>0} />
      <${Nt} name="Events stored" value=${J(r)} />
    </dl>
    ${n.lists?d`<div class="pair">
          <${Ar} title="Lists in each hour" times=${u.times} series=${u.lists} format=${J} />
          <${Ar} title="p99 against the budget" times=${u.times} series=${u.latency} format=${Qt} />
        </div>`:d`<${De}>No list was asked for in the last ${Ja[t]}.<//>`}
    <h3>Scenes</h3>
    <${Zd} scenes=${n.scenes} />
    <h3>Degraded, by stage</h3>
    <${_e}
      caption="Lists that lack a stage's part"
      hideCaption
      empty="Every list was whole."
      rows=${n.degraded}
      columns=${[["stage",f=>f.labels[0]],["outcome",f=>f.labels[1]],["lists",f=>J(f.n),"n"],["share",f=>d`<${Ml} share=${f.n/n.lists} kind="warn" /> ${Bt(f.n/n.lists)}`]]}
    />
  `}function Zd({scenes:e}){const t=[...new Set(e.flatMap(l=>Object.keys(l.events)))].sort(),n=(l,s)=>d`${J(l.events[s]||0)} <span class="muted">${Bt((l.events[s]||0)/l.lists)}</span>`;return d`<${_e}
    caption="Lists by scene, and the events that name one by request_id: their number, and for each 100 lists"
    empty="No list was shown."
    rows=${e}
    columns=${[["scene",l=>l.scene||"–"],["lists",l=>J(l.lists),"n"],["items",l=>J(l.items),"n"],...t.map(l=>[l,s=>n(s,l),"n"])]}
  />`}function Qd({newest:e}){return d`<${_e}
    caption=${`Coverage of the newest ${J(e.lists)} lists${e.since?`, since ${_t(e.since)}`:""}`}
    empty="No list was shown yet."
    rows=${e.scenes}
    columns=${[["scene",t=>t.scene||"–"],["lists",t=>J(t.lists),"n"],["users",t=>J(t.users),"n"],["different items",t=>J(t.items),"n"],["of the catalogue",t=>d`<${Ml} share=${t.coverage} /> ${Bt(t.coverage)}`],["lists with an event",t=>Bt(t.lists?t.answered_lists/t.lists:null),"n"]]}
  />`}function Xd({overview:e,reload:t}){const[n,l]=le(24),s=He(()=>xe("/readyz",{},{accept:[503]}),[]),o=He(()=>xe("/activity",{hours:n}),[n]),r=He(()=>e.bundle?xe("/activity/scenes"):null,[e.bundle?.version]);return d`
    <div class="row">
      <button type="button" onClick=${()=>[t,s.reload,o.reload,r.reload].forEach(u=>u())}>Refresh</button>
    </div>
    <${Ie} of=${s}>${u=>d`<${qd} ready=${u} />`}<//>
    <h2>In service</h2>
    <${Kd} bundle=${e.bundle} />
    <h2>Activity</h2>
    <div class="row" role="group" aria-label="Period">
      ${Object.entries(Ja).map(([u,f])=>d`<button type="button" aria-pressed=${Number(u)===n} onClick=${()=>l(Number(u))}>
            ${f}
          </button>`)}
    </div>
    <${Ie} of=${o} what="activity">${u=>d`<${Jd} activity=${u} hours=${n} />`}<//>
    <h2>Coverage</h2>
    ${e.bundle?d`<${Ie} of=${r} what="coverage">${u=>d`<${Qd} newest=${u} />`}<//>`:d`<${De}>No bundle, no lists.<//>`}
  `}const eh=["order","sponsored"],th={blocked_categories:"categories",forbidden_flags:"flags",blocked_providers:"providers",provider_places:"providers",seen:"event_types",order:"policies"},dn=e=>e.replaceAll("_"," "),Za=e=>{const t=Ae(e);return["","–","{}"].includes(t)?"none":t};function Qa({children:e}){return e.replaceAll("\\|","|").replace(/\[([^\]]*)\]\([^)]*\)/g,"$1").split("`").map((n,l)=>l%2?d`<code>${n}</code>`:n)}function Xa({id:e,names:t}){return d`<datalist id=${e}>${t.map(n=>d`<option value=${n} />`)}</datalist>`}function nh({id:e,name:t,value:n,schema:l,names:s,onChange:o}){const r=rs(),[a,u]=le(""),f=l.items.type==="integer",p=()=>{const m=f?Number(a):a.trim();a.trim()&&!n.includes(m)&&o([...n,m]),u("")},_=m=>o(n.map((y,S)=>S===m-1?n[m]:S===m?n[m-1]:y));return d`
    ${n.length>0&&d`<ul class="chips">
      ${n.map((m,y)=>d`<li>
          ${m}
          ${eh.includes(t)&&y>0&&d`<button type="button" aria-label=${`Move ${m} up`} onClick=${()=>_(y)}>↑</button>`}
          <button type="button" aria-label=${`Remove ${m}`} onClick=${()=>o(n.filter((S,b)=>b!==y))}>×</button>
        </li>`)}
    </ul>`}
    <span class="row">
      <input
        id=${e}
        type=${f?"number":"text"}
        min=${l.items.minimum}
        maxlength="256"
        list=${s.length?r:void 0}
        value=${a}
        placeholder=${n.length?"another":"none"}
        onInput=${m=>u(m.currentTarget.value)}
        onKeyDown=${m=>{m.key==="Enter"&&(m.preventDefault(),p())}}
      />
      <button type="button" aria-label=${`Add to ${dn(t)}`} onClick=${p}>Add</button>
    </span>
    <${Xa} id=${r} names=${s} />
  `}function ec({id:e,name:t,value:n,schema:l,names:s,onChange:o}){const r=rs(),[a,u]=le(["",""]),f=l.additionalProperties.type==="integer",p=b=>f?Number(b):b.trim(),_=()=>{const[b,w]=a;b.trim()&&w!==""&&o({...n,[b.trim()]:p(w)}),u(["",""])},m=b=>Object.fromEntries(Object.entries(n).filter(([w])=>w!==b)),y=b=>{b.key==="Enter"&&(b.preventDefault(),_())},S={type:f?"number":"text",min:l.additionalProperties.minimum,maxlength:64};return d`
    ${Object.entries(n).map(([b,w])=>d`<span class="row entry">
        <code>${b}</code>
        <input ...${S} aria-label=${`${dn(t)} of ${b}`} value=${w} onChange=${M=>o({...n,[b]:p(M.currentTarget.value)})} />
        <button type="button" aria-label=${`Remove ${b}`} onClick=${()=>o(m(b))}>×</button>
      </span>`)}
    <span class="row entry">
      <input id=${e} list=${s.length?r:void 0} maxlength="256" placeholder="name" value=${a[0]} onKeyDown=${y} onInput=${b=>u([b.currentTarget.value,a[1]])} />
      <input ...${S} aria-label=${`New value in ${dn(t)}`} value=${a[1]} onKeyDown=${y} onInput=${b=>u([a[0],b.currentTarget.value])} />
      <button type="button" aria-label=${`Add to ${dn(t)}`} onClick=${_}>Add</button>
    </span>
    <${Xa} id=${r} names=${s} />
  `}function lh(e){const{id:t,value:n,schema:l,onChange:s}=e,o=typeof n=="string",r=d`<button type="button" onClick=${()=>s(o?{default:n}:n.default||"hide")}>
    ${o?"One rule for each type of event":"One rule for all events"}
  </button>`;return o?d`<span class="row"><input id=${t} value=${n} maxlength="32" onChange=${a=>s(a.currentTarget.value)} /> ${r}</span>`:d`<${ec} ...${e} schema=${l.anyOf[1]} names=${[...e.names,"default"]} /> ${r}`}function sh({id:e,value:t,onChange:n}){const[l,s]=le("");return d`<textarea id=${e} rows="3" onChange=${r=>{try{n(JSON.parse(r.currentTarget.value||"{}")),s("")}catch(a){s(`This is not JSON: ${a.message}`)}}}>${JSON.stringify(t,null,1)}</textarea>
    ${l&&d`<p class="notice bad" role="alert">${l}</p>`}`}function oh(e){const{id:t,name:n,schema:l,value:s,onChange:o}=e;if(l.enum)return d`<select id=${t} onChange=${a=>o(a.currentTarget.value)}>
      ${l.enum.map(a=>d`<option value=${a} selected=${a===s}>${a}</option>`)}
    </select>`;if(l.anyOf)return d`<${lh} ...${e} />`;if(l.type==="array")return d`<${nh} ...${e} />`;if(l.type==="object"&&l.additionalProperties.type==="object")return d`<${sh} ...${e} />`;if(l.type==="object")return d`<${ec} ...${e} />`;const r=l.type==="integer";return d`<input
    id=${t}
    type="number"
    required
    name=${n}
    min=${l.minimum??l.exclusiveMinimum}
    max=${l.maximum}
    step=${r?1:"any"}
    value=${s}
    onInput=${a=>a.currentTarget.value!==""&&o(Number(a.currentTarget.value))}
  />`}function ih({name:e,schema:t,names:n,own:l,inherited:s,from:o,fault:r,onChange:a}){const u=l!==void 0;return d`<div class=${`setting${u?" own":""}`}>
    <${$e} label=${dn(e)}>
      ${f=>d`<${oh} id=${f} name=${e} schema=${t} names=${n[th[e]]||[]} value=${u?l:s} onChange=${p=>a(e,p)} />`}
    <//>
    <p class="small muted"><${Qa}>${t.description}<//></p>
    ${u?d`<p class="row small">
          <${Le} kind="info">rule<//>
          <span>${o}: ${Za(s)}</span>
          <button type="button" aria-label=${`Reset ${dn(e)}`} onClick=${()=>a(e,void 0)}>Reset</button>
        </p>`:d`<p class="small muted">as in ${o}</p>`}
    ${r&&d`<p class="notice bad" role="alert">${r}</p>`}
  </div>`}function rh({name:e,summary:t,changed:n,isFaulty:l,children:s}){const[o,r]=le(n>0);return d`<details class="card group" open=${o||l} onToggle=${a=>r(a.currentTarget.open)}>
    <summary>
      <strong>${dn(e)}</strong>${" "}
      ${n>0&&d`<${Le} kind="info">${n} ${n===1?"rule":"rules"}<//>`}
      <span class="small muted"> <${Qa}>${t}<//></span>
    </summary>
    <div class="settings">${s}</div>
  </details>`}function ah({schema:e,overrides:t,inherit:n,fault:l,onChange:s}){return e.groups.map(({name:o,summary:r,settings:a})=>d`<${rh}
      key=${o}
      name=${o}
      summary=${r}
      changed=${a.filter(u=>u in t).length}
      isFaulty=${a.includes(l?.name)}
    >
      ${a.map(u=>{const[f,p]=n(u);return d`<${ih}
          key=${u}
          name=${u}
          schema=${e.properties[u]}
          names=${e.names}
          own=${t[u]}
          inherited=${f}
          from=${p}
          fault=${l?.name===u&&l.message}
          onChange=${s}
        />`})}
    <//>`)}const ms="all scenes",Pr=30;function ch(e){return[[ms,e?.policy||{}],...Object.entries(e?.scenes||{})].flatMap(([n,l])=>Object.entries(l).map(([s,o])=>[n,s,o]))}function tc(e,t){const n=o=>new Map(ch(o).map(([r,a,u])=>[JSON.stringify([r,a]),u])),[l,s]=[n(e),n(t)];return[...new Set([...l.keys(),...s.keys()])].filter(o=>JSON.stringify(l.get(o))!==JSON.stringify(s.get(o))).sort().map(o=>[...JSON.parse(o),l.get(o),s.get(o)])}const Dr=e=>e===void 0?"no rule":Za(e),Uo=({caption:e,one:t,other:n,before:l="before",after:s="after"})=>d`<${_e}
  caption=${e}
  empty="The rules are the same."
  rows=${tc(t,n)}
  columns=${[["scene",([o])=>o],["setting",([,o])=>dn(o)],[l,([,,o])=>Dr(o),"sentence"],[s,([,,,o])=>Dr(o),"sentence"]]}
/>`;function Lr({number:e,title:t,name:n,newest:l,isDirty:s,asksAuthor:o,onDone:r}){const a=is(null),[u,f]=le(null);return d`
    <button type="button" onClick=${()=>a.current.showModal()} aria-label=${n}>${t}</button>
    <dialog ref=${a} aria-label=${n}>
      <form onSubmit=${async _=>{const{note:m,author:y=""}=nn(_);a.current.close(),f(null);try{const S={version:l,note:m,author:y};await r(await $n("POST",tn("rules","versions",e,"restore"),{body:S}))}catch(S){f(S)}}}>
        <p>${e?`Save the rules of version ${e} again, as a new version?`:"Remove all rules? The settings alone hold then."}</p>
        ${s&&d`<p class="notice warn">Your changes that are not saved will be dropped.</p>`}
        <${$e} label="Note" name="note" maxlength="500" value=${e?`version ${e} again`:"without rules"} />
        ${o&&d`<${$e} label="Your name" name="author" maxlength="64" />`}
        <p class="row">
          <button class="main">Restore</button>
          <button type="button" onClick=${()=>a.current.close()}>Leave it</button>
        </p>
      </form>
    </dialog>
    ${u&&d`<${qt} error=${u} />`}
  `}function uh({rules:e,isDirty:t,mayChange:n,asksAuthor:l,onRestored:s}){const o=He(()=>xe("/rules/history",{limit:Pr+1}),[e.newest]),[r,a]=le(null),u={newest:e.newest,isDirty:t,asksAuthor:l,onDone:s};return d`<section aria-label="History">
    <h2>History</h2>
    <${Ie} of=${o} what="history">
      ${({versions:f})=>{if(!f.length)return d`<${De}>No rules were ever saved: the settings alone hold.<//>`;const p=f.findIndex(w=>w.version===r),[{version:_},m]=f,y=w=>w===1,S=p>=0&&(f[p+1]||y(r)),b=`Undo version ${_}`;return d`
          ${n&&(m||y(_))&&d`<p><${Lr} number=${m?.version||0} title=${b} name=${b} ...${u} /></p>`}
          <${_e}
            caption="Versions, newest first"
            hideCaption
            rows=${f.slice(0,Pr)}
            columns=${[["version",w=>`${w.version}${w.version===e.version?" (in force)":""}`],["saved",w=>_t(w.at),"when"],["by",w=>Ae(w.author)],["note",w=>`${Ae(w.note)}${w.restored===null?"":` (restored ${w.restored})`}`,"sentence"],["",w=>d`<span class="row">
                  <button type="button" aria-pressed=${w.version===r} aria-label=${`What version ${w.version} changed`} onClick=${()=>a(w.version===r?null:w.version)}>
                    What changed
                  </button>
                  ${n&&w.version!==e.newest&&d`<${Lr} number=${w.version} title="Restore" name=${`Restore version ${w.version}`} ...${u} />`}
                </span>`]]}
          />
          ${p>=0&&!S&&d`<${De}>The version before version ${r} is not stored any more, so that nothing can be compared.<//>`}
          ${S&&d`<${Uo} caption=${`What version ${r} changed`} one=${f[p+1]?.rules} other=${f[p].rules} />`}
        `}}
    <//>
  </section>`}const fh=3;function dh({item:e,position:t,isAfter:n}){if(e.other===null)return d`<${Le} kind=${n?"good":"bad"}>${n?"enters":"leaves"}<//>`;if(!n||e.other===t)return null;const l=e.other-t;return d`<${Le}>${l>0?`↑ ${l}`:`↓ ${-l}`}<//>`}function Nr({title:e,items:t,isAfter:n}){return d`<section aria-label=${e}>
    <h4>${e}</h4>
    ${t.length?d`<ol class="plain">
          ${t.map((l,s)=>d`<li>
              <a href=${Rt("items",{id:l.item_id})}>${l.title||l.item_id}</a>
              ${l.slot!=="organic"&&d` <${Le} kind="info">${l.slot}<//>`}${" "}
              <${dh} item=${l} position=${s+1} isAfter=${n} />
              ${l.reason&&d`<p class="small muted">${n?"not before":"not after"}: ${l.reason}</p>`}
            </li>`)}
        </ol>`:d`<${De}>No item may be shown.<//>`}
  </section>`}function hh({user:e,isOpen:t}){const n=e.user_id||"a new user";return d`<details class="card group" open=${t}>
    <summary><strong>${n}</strong> <${Le} kind=${e.is_changed?"warn":""}>${e.is_changed?"another list":"the same list"}<//></summary>
    ${e.degraded.length>0&&d`<p class="notice warn">These stages failed, so the lists may differ for that reason too: ${e.degraded.join(", ")}</p>`}
    <div class="columns">
      <${Nr} title=${`${n}, before`} items=${e.before} />
      <${Nr} title=${`${n}, after`} items=${e.after} isAfter />
    </div>
  </details>`}function ph({result:e}){const t=e.users.filter(l=>l.is_changed),n=e.users.filter(l=>!l.is_changed);return d`
    ${e.notes.map(l=>d`<p class="notice warn">${l}</p>`)}
    <p role="status">
      ${t.length?`${J(t.length)} of ${J(e.users.length)} users get another list: ${J(e.entered)} items enter, ${J(e.left)} leave.`:`Nothing changes for these ${J(e.users.length)} users.`}
    </p>
    ${[...t,...n].map((l,s)=>d`<${hh} key=${l.user_id} user=${l} isOpen=${s<fh&&l.is_changed} />`)}
  `}function $h({rules:e,scene:t,onFault:n}){const[l,s]=le({busy:!1,error:null,result:null,of:""}),[o,r]=le("10"),a=JSON.stringify([e,t]);return d`<section aria-label="Preview">
    <h2>Preview in the scene ${t}</h2>
    <form class="controls" onSubmit=${async f=>{const{users:p}=nn(f);s({busy:!0,error:null,result:null,of:a});const _=p.split(",").map(m=>m.trim()).filter(Boolean);try{const m=await $n("POST","/rules/preview",{body:{rules:e,scene:t,k:Number(o),users:_}});s({busy:!1,error:null,result:m,of:a})}catch(m){n(m),s({busy:!1,error:m,result:null,of:a})}}}>
      <${$e} label="Items" name="k" type="number" min="1" max="20" value=${o} onInput=${f=>r(f.currentTarget.value)} required />
      <${$e} label="Users" name="users" placeholder="20 of the data" maxlength="2000" hint="with commas, at most 20" />
      <button class="main" disabled=${l.busy}>${l.busy?"Computing…":"Show lists before and after"}</button>
    </form>
    ${l.busy&&d`<p class="muted" role="status">Computing lists…</p>`}
    ${l.error&&d`<${qt} error=${l.error} />`}
    ${l.result&&l.of!==a&&d`<p class="notice warn">The rules or the scene have changed since: this is the preview of before.</p>`}
    ${l.result&&d`<${ph} result=${l.result} />`}
  </section>`}const Or="admin",Qs="home",Bl={draft:null,data:null},Rr=(e,t)=>tc(e,t).length===0&&bo(e).join()===bo(t).join(),bo=e=>Object.keys(e.scenes||{}).sort();function mh(e,t,n,l){const s={...t?e.scenes?.[t]:e.policy};return l===void 0?delete s[n]:s[n]=l,t?{...e,scenes:{...e.scenes,[t]:s}}:{...e,policy:s}}function _h(e,t){return t?{...e,scenes:Object.fromEntries(Object.entries(e.scenes||{}).filter(([n])=>n!==t))}:{...e,policy:{}}}const gh=(e,t,n)=>l=>{const s=n&&e.settings.scenes?.[n];return s&&l in s?[s[l],"the settings of the scene"]:n&&t.policy&&l in t.policy?[t.policy[l],`the rules of ${ms}`]:[e.settings.policy[l],"the settings"]};function yh(e,t){const n=t?`rules.scenes.${t}.`:"rules.policy.";return e?.field?.startsWith(n)?{name:e.field.slice(n.length).split(".")[0],message:e.message}:null}function vh({names:e,chosen:t,rules:n,isNew:l,mayChange:s,onAdd:o}){const r=a=>{const u=nn(a).scene.trim();u&&o(u)};return d`<div>
    <h2>Scenes</h2>
    <ul class="scenes">
      ${["",...e].map(a=>{const u=Object.keys((a?n.scenes?.[a]:n.policy)||{}).length;return d`<li>
          <a href=${Rt("rules",{scene:a})} aria-current=${a===t?"true":void 0}>${a||ms}</a>
          ${u>0&&d` <${Le} kind="info">${u} ${u===1?"rule":"rules"}<//>`}
          ${l(a)&&d` <${Le}>new<//>`}
        </li>`})}
    </ul>
    ${s&&d`<form class="controls" onSubmit=${r}>
      <${$e} label="Another scene" name="scene" maxlength="64" required />
      <button>Add the scene</button>
    </form>`}
  </div>`}const bh=({newest:e,version:t,author:n,note:l})=>e===t?`Version ${t} was saved meanwhile by ${n||"nobody named"}${l?` (${l})`:""}.`:`Version ${e} was saved meanwhile.`;function wh({message:e,draft:t,onTheirs:n,onMine:l}){const s=He(()=>xe("/rules"),[]);return d`<div class="notice bad" role="alert">
    <strong>Somebody else has saved rules meanwhile</strong>
    <p>${e}</p>
    <${Ie} of=${s} what="rules">
      ${o=>d`
        <${Uo} caption="What differs" one=${o.rules} other=${t} before="theirs" after="yours" />
        <p class="row">
          <button type="button" onClick=${()=>n(o)}>Take theirs, drop mine</button>
          <button type="button" onClick=${()=>l(o)}>Keep mine, to save over theirs</button>
        </p>
      `}
    <//>
  </div>`}function kh({data:e,latest:t,draft:n,asksAuthor:l,onSaved:s,onDiscard:o,onFault:r,onData:a}){const[u,f]=le({busy:!1,error:null}),p=async S=>{const{note:b,author:w=""}=nn(S);f({busy:!0,error:null}),r(null);try{const M=await $n("PUT","/rules",{body:{version:e.newest,rules:n,note:b,author:w}});f({busy:!1,error:null}),s(M)}catch(M){r(M),f({busy:!1,error:M})}},_=(S,b)=>{f({busy:!1,error:null}),a(S,b)},m=u.error?.status===409,y=m?u.error.message:t.newest!==e.newest&&bh(t);return d`<section aria-label="Save" class="card">
    <h2>Changes that are not saved</h2>
    <${Uo} caption="Changes" one=${e.rules} other=${n} before="saved" after="changed" />
    ${y?d`<${wh} message=${y} draft=${n} onTheirs=${S=>_(S,S.rules)} onMine=${S=>_(S,n)} />`:d`<form class="controls" onSubmit=${p}>
          <${$e} label="Note" name="note" maxlength="500" placeholder="what it is for" />
          ${l&&d`<${$e} label="Your name" name="author" maxlength="64" />`}
          <button class="main" disabled=${u.busy}>Save as version ${e.newest+1}</button>
          <button type="button" onClick=${o}>Discard the changes</button>
        </form>`}
    ${u.error&&!m&&d`<${qt} error=${u.error} />`}
  </section>`}function Sh({data:e}){return d`
    ${e.refused&&d`<p class="notice bad">${e.refused}</p>`}
    ${!e.is_known&&d`<p class="notice warn">The rules are not known, because Redis has not answered since the start. The settings alone are in force.</p>`}
    <p class="muted">
      ${e.version?d`Version ${e.version} is in force, saved by ${e.author||"nobody named"} at ${_t(e.at)}${e.note&&`: ${e.note}`}.`:"No rules were ever saved: the settings alone are in force."}
    </p>
  `}function Th({loaded:e,schema:t,scene:n,overview:l,reload:s}){const o=l.roles.includes(Or),r=!l.key,[a,u]=le(()=>Bl.data||e),[f,p]=le(e),[_,m]=le(()=>Bl.draft||e.rules),[y,S]=le(null),[b,w]=le(null),M=!Rr(a.rules,_);Yt(()=>{if(!M)return;const P=C=>C.preventDefault();return addEventListener("beforeunload",P),()=>removeEventListener("beforeunload",P)},[M]);const k=Object.keys(a.settings.scenes||{}),D=[...new Set([Qs,...k,...bo(_),...n?[n]:[]])].sort(),x=(n?_.scenes?.[n]:_.policy)||{},Y=(P,C)=>{const V=!Rr(P.rules,C);Bl.draft=V?C:null,Bl.data=V?P:null,S(null),m(C)},N=P=>{w(null),Y(a,P)},B=(P,C)=>{u(P),p(P),Y(P,C)},U=({notes:P,...C},V)=>{w({...C,notes:P}),B({...a,...C,newest:C.version,refused:null,rules:V},V),s()},Z=async P=>U(P,(await xe("/rules")).rules);return d`
    <${Sh} data=${f} />
    ${!o&&d`<${De}>Changes need a key with the role ${Or}.<//>`}
    ${b&&d`<div class="notice good" role="status">
      <p>Version ${b.version} is saved. Every worker has it: it holds for the next list.</p>
      ${b.notes.map(P=>d`<p>${P}</p>`)}
    </div>`}
    <div class="rules">
      <${vh}
        names=${D}
        chosen=${n}
        rules=${_}
        isNew=${P=>P&&P!==Qs&&!k.includes(P)}
        mayChange=${o}
        onAdd=${P=>{D.includes(P)||N({..._,scenes:{..._.scenes,[P]:{}}}),Mo("rules",{scene:P})}}
      />
      <div>
        <h2>${n?`Rules of the scene ${n}`:`Rules of ${ms}`}</h2>
        ${o&&(Object.keys(x).length>0||n&&_.scenes?.[n])&&d`<p><button type="button" onClick=${()=>N(_h(_,n))}>${n?"Remove the rules of this scene":"Reset all of these"}</button></p>`}
        <fieldset disabled=${!o} aria-label="Settings">
          <${ah} key=${n} schema=${t} overrides=${x} inherit=${gh(a,_,n)} fault=${yh(y,n)} onChange=${(P,C)=>N(mh(_,n,P,C))} />
        </fieldset>
      </div>
    </div>
    ${o&&M&&d`<${kh} data=${a} latest=${f} draft=${_} asksAuthor=${r} onSaved=${P=>U(P,_)} onDiscard=${()=>B(f,f.rules)} onFault=${S} onData=${B} />`}
    ${o&&d`<${$h} rules=${_} scene=${n||Qs} onFault=${S} />`}
    <${uh} rules=${f} isDirty=${M} mayChange=${o} asksAuthor=${r} onRestored=${Z} />
  `}function xh({overview:e,options:t,reload:n}){const l=He(()=>Promise.all([xe("/rules"),xe("/rules/schema")]),[]);return d`<${Ie} of=${l} what="rules">
    ${([s,o])=>d`<${Th} loaded=${s} schema=${o} scene=${t.scene||""} overview=${e} reload=${n} />`}
  <//>`}const Xs={overview:["Overview",Xd],try:["Try a user",Fu],funnel:["Funnel",Wu],items:["Items",Ku],rules:["Rules",xh],bundles:["Bundles",au],data:["Data",Cu]};function Ch({error:e,onKey:t}){return d`<form
    class="card narrow"
    onSubmit=${n=>{Kr(nn(n).key.trim()),t()}}
  >
    <h2>This service needs an API key</h2>
    ${io()&&d`<p class="notice bad" role="alert">${e.message}</p>`}
    <p>It stays in this tab until you close it, and is sent to this service only.</p>
    <${$e} label="API key" name="key" type="password" required autocomplete="off" maxlength="256" />
    <button class="main">Open the console</button>
  </form>`}function Eh({overview:e,onKey:t}){if(!e)return null;if(!e.key)return d`<p class="key muted">no keys: this machine only</p>`;const n=()=>{Kr(""),t()};return d`<p class="key">
    <span title=${e.roles.join(", ")}>${e.key} (${e.roles.join(", ")})</span>
    <button type="button" onClick=${n}>Forget the key</button>
  </p>`}function Mh(){const{page:e,options:t}=cu(),n=He(()=>xe("/overview"),[]),l=is(null),[s,o]=le(!0),[r,a]=Xs[e]||Xs.overview;return Yt(()=>{document.title=`${r} · recfunnel`,s?o(!1):l.current?.focus()},[r]),d`
    <a class="skip" href="#content" onClick=${u=>{u.preventDefault(),l.current?.focus()}}>Skip to the page</a>
    <header>
      <p class="name">recfunnel</p>
      <nav aria-label="Pages">
        ${Object.entries(Xs).map(([u,[f]])=>d`<a href=${`#/${u}`} aria-current=${f===r?"page":void 0}>${f}</a>`)}
      </nav>
      <${Eh} overview=${n.data} onKey=${n.reload} />
    </header>
    <main id="content">
      <h1 tabindex="-1" ref=${l}>${r}</h1>
      ${[401,403].includes(n.error?.status)?d`<${Ch} error=${n.error} onKey=${n.reload} />`:n.error?d`<${qt} error=${n.error} retry=${n.reload} />`:d`<${Ie} of=${n}>
              ${u=>d`<${a} key=${e} options=${t} overview=${u} reload=${n.reload} />`}
            <//>`}
    </main>
    <footer>
      ${n.data&&d`<span>recfunnel ${n.data.release}</span>`}
      ${n.data&&!n.data.key&&d`<a href="../docs">HTTP interface</a>`}
    </footer>
  `}jc(d`<${Mh} />`,document.getElementById("app"));
