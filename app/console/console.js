var we,Or,un,Xs,Jl,Rr,Bl,Fr,bo,eo,ns=Symbol.for("pv"),Zl={},Ql=[],Ac=/^m(i|n|o|s|text|space)$/,wo=Array.isArray,ko=Ql.slice,An=Object.assign;function Mn(e){e&&e.parentNode&&e.remove()}function Pc(e,t,n){var l,s,o,r={},a=arguments.length;for(o in t)o=="key"?l=t[o]:o=="ref"&&typeof e!="function"?s=t[o]:r[o]=t[o];return a>2&&(r.children=a>3?ko.call(arguments,2):n),kl(e,r,l,s,null)}function kl(e,t,n,l,s){var o={type:e,props:t,key:n,ref:l,__k:null,__:null,__b:0,__e:null,__c:null,constructor:ns,__v:s||++Or,__i:-1,__u:0};return!s&&we.vnode&&we.vnode(o),o}function ls(e){return e.children}function Yl(e,t){this.props=e,this.context=t,this.__g=0}function hn(e,t){if(t==null)return e.__&&hn(e.__,e.__i+1);for(var n;t<e.__k.length;t++)if((n=e.__k[t])&&n.__e)return n.__e;return typeof e.type!="function"||e.props.__P?null:hn(e)}function Dc(e){var t,n=e.__v,l=n.__e,s=[],o=[],r=e.__P;r&&((t=An({constructor:ns},n)).__v=n.__v+1,we.vnode&&we.vnode(t),So(r,t,n,e.__n,r.namespaceURI,32&n.__u?[l]:null,s,l||hn(n),32&n.__u,o),t.__v=n.__v,t.__.__k[t.__i]=t,zr(s,t,o),n.__=n.__e=null,t.__e!=l&&Hr(t))}function Hr(e){if((e=e.__)&&e.__c&&!e.props.__P)return e.__e=null,e.__k.some(function(t){return t&&(e.__e=t.__e)}),Hr(e)}function vi(e){(8&e.__g||(e.__g|=8,un.push(e),Jl++))&&Xs==we.debounceRendering||((Xs=we.debounceRendering)||queueMicrotask)(Ir)}function Ir(){try{for(var e,t=1;un.length;)un.length>t&&un.sort(Rr),e=un.shift(),t=un.length,8&e.__g&&Dc(e)}finally{(Jl=un.length)&&(Xs||queueMicrotask)(Ir)}}function jr(e,t,n,l,s,o,r,a,u,f,p){var _,m,y,S,b,T,A=l.__k||Ql,w=t.length;for(u=Lc(n,t,A,u,w),_=0;_<w;_++)(y=n.__k[_])!=null&&(m=~y.__i&&A[y.__i]||Zl,y.__i=_,T=So(e,y,m,s,o,r,a,u,f,p),S=y.__e,(m.ref!=y.ref||8&m.__u)&&(m.ref&&To(m.ref,null,y,m),y.ref&&p.push(y.ref,y.__c||S,y)),b=b||S,4&y.__u?(u=Wr(y,u,e,!m.__v),m.__e&&(m.__e=null)):typeof y.type=="function"&&T!==void 0?u=T:S&&(u=S.nextSibling),y.__u&=-21);return n.__e=b,u}function Lc(e,t,n,l,s){var o,r,a,u,f,p,_,m,y,S=n.length,b=S,T=0,A=0,w=e.__k=Array(s);for(o=0;o<s;o++)(r=t[o])!=null&&typeof r!="boolean"&&typeof r!="function"?(typeof r!="object"||r.constructor===String?r=w[o]=kl(null,r):wo(r)?r=w[o]=kl(ls,{children:r}):r.constructor===ns&&r.__b?r=w[o]=kl(r.type,r.props,r.key,r.ref,r.__v):w[o]=r,u=o+T,r.__=e,r.__b=e.__b+1,a=null,~(f=r.__i=Nc(r,n,u,b))&&(b--,(a=n[f])&&(a.__u|=2)),a&&a.__v?(r.__u|=16,f==u-1?T--:f==u+1?T++:f!=u&&(f>u?T--:T++,A=1)):(~f||(s>S?T--:s<S&&T++),typeof r.type!="function"&&(r.__u|=4))):w[o]=null;if(A){for(p=[],_=[],o=0;o<s;o++)if((r=w[o])&&16&r.__u){for(T=0,m=p.length;T<m;)p[y=T+m>>1]<r.__i?T=y+1:m=y;p[T]=r.__i,_[o]=T+1}for(T=p.length;o--;)_[o]&&(_[o]==T?T--:w[o].__u|=4)}if(b)for(o=0;o<S;o++)!(a=n[o])||2&a.__u||(a.__e==l&&(l=hn(a)),xo(a,a));return l}function Wr(e,t,n,l){var s,o,r,a;if(typeof e.type=="function"){if(e.props.__P)return t;if(s=e.__k)for(o=0;o<s.length;o++)s[o]&&(s[o].__=e,t=Wr(s[o],t,n,!1));return t}for(t&&!t.parentNode&&(t=hn(e))&&!t.parentNode&&(t=null),r=e.__e,a=t;a&&a.nodeType==8;)a=a.nextSibling;for(r!=a&&(!l&&n.moveBefore&&r.parentNode?n.moveBefore(r,t):n.insertBefore(r,t||null)),t=r;(t=t&&t.nextSibling)&&t.nodeType==8&&!t.data.startsWith("$s"););return t}function Nc(e,t,n,l){var s,o=e.key,r=e.type,a=t[n],u=a&&!(2&a.__u);if(a===null&&o==null||u&&o==a.key&&r==a.type)return n;if(l>(u?1:0)){for(s=n-1;s>=0;s--)if((a=t[s])&&!(2&a.__u)&&o==a.key&&r==a.type)return s;for(s=n+1;s<t.length;s++)if((a=t[s])&&!(2&a.__u)&&o==a.key&&r==a.type)return s}return-1}function bi(e,t,n){n==null&&(n=""),t[0]=="-"?e.setProperty(t,n):e[t]=n}function jl(e,t,n,l,s){var o,r;if(t=="style")if(typeof n=="string")e.style.cssText=n;else{if(typeof l=="string"&&(e.style.cssText=l=""),l)for(t in l)n&&t in n||bi(e.style,t);if(n)for(t in n)l&&n[t]==l[t]||bi(e.style,t,n[t])}else if(t[0]=="o"&&t[1]=="n")typeof n!="function"&&(n=null),typeof l!="function"&&(l=null),(e.__e||(e.__e={}))[t]=n,n&&l||(r=eo[t]||(eo[t]=Oc(t)),(e.__a||(e.__a={}))[t]=bo,o=t!=(t=t.replace(Fr,"$1")),(t=t.slice(2))[0]<"a"&&(t=t.toLowerCase()),n?e.addEventListener(t,r,o):e.removeEventListener(t,r,o));else{if(s=="http://www.w3.org/2000/svg")t=t.replace(/xlink(H|:h)/,"h").replace(/sName$/,"s");else if(t!="width"&&t!="height"&&t!="href"&&t!="list"&&t!="form"&&t!="tabIndex"&&t!="download"&&t!="rowSpan"&&t!="colSpan"&&t!="role"&&t!="popover"&&t in e)try{return void(e[t]=n??"")}catch{}if(typeof n=="function")return;n==null||n===!1&&t[4]!="-"?e.removeAttribute(t):e.setAttribute(t,t=="popover"&&n==1?"":n)}}function Oc(e){return function(t){var n=this.__e;if(n){if(n=n[e],t[Bl]==null)t[Bl]=bo++;else if(t[Bl]<this.__a[e])return;return n(we.event?we.event(t):t)}}}function So(e,t,n,l,s,o,r,a,u,f){var p,_,m,y,S,b,T,A,w,P,x,Y,O,F,I,Z,U,M,G=t.type;if(t.constructor!==ns)return null;128&n.__u&&(u=32&n.__u,p=n.__c.__z)&&(t.__u|=u,_=o=[],p.nodeType==8?a=ql(p,o):o.push(p),a=o[0]||a),(p=we.__b)&&p(t);e:if(typeof G=="function"){m=r.length;try{if(A=t.props,w=(p=G.prototype)&&p.render,P=(p=G.contextType)&&l[p.__c],x=p?P?P.props.value:p.__:l,(y=n.__c)?(t.__c=y,2&y.__g&&(y.__g|=1)):(w?t.__c=y=new G(A,x):(t.__c=y=new Yl(A,x),y.constructor=G,y.render=Fc),P&&P.sub(y),y.state||(y.state={}),y.__n=l,y.__g|=8,y.__h=[],y.__k=[]),w&&(y.__s||(y.__s=y.state),G.getDerivedStateFromProps&&(y.__s==y.state&&(y.__s=An({},y.__s)),An(y.__s,G.getDerivedStateFromProps(A,y.__s)))),S=y.props,b=y.state,y.__v=t,n.__c){if(A!==S&&w&&!G.getDerivedStateFromProps&&y.componentWillReceiveProps&&y.componentWillReceiveProps(A,x),t.__v==n.__v&&!(8&y.__g)||!(4&y.__g)&&y.shouldComponentUpdate&&y.shouldComponentUpdate(A,y.__s,x)===!1){t.__v!=n.__v&&(y.props=A,y.state=y.__s,y.__g&=-9),t.__e=n.__e,t.__k=n.__k,t.__k.some(function(L){L&&(L.__=t)}),Ql.push.apply(y.__h,y.__k),y.__k=[],y.__h.length&&r.push(y),a=hn(n);break e}y.componentWillUpdate&&y.componentWillUpdate(A,y.__s,x),w&&y.componentDidUpdate&&y.__h.push(function(){y.componentDidUpdate(S,b,T)})}else w&&!G.getDerivedStateFromProps&&y.componentWillMount&&y.componentWillMount(),w&&y.componentDidMount&&y.__h.push(y.componentDidMount);y.context=x,y.props=A,y.__P=e,y.__g&=-5,Y=we.__r,O=w?25:0;do y.__g&=-9,Y&&Y(t),p=y.render(y.props,y.state=y.__s,y.context);while(8&y.__g&&++O<25);w&&(Ql.push.apply(y.__h,y.__k),y.__k=[]),y.state=y.__s,y.getChildContext&&(l=An({},l,y.getChildContext())),w&&n.__c&&y.getSnapshotBeforeUpdate&&(T=y.getSnapshotBeforeUpdate(S,b)),F=p&&p.type===ls&&p.key==null?p.props.children:p,A.__P&&(p=a,s=(e=A.__P).namespaceURI,u=o=null,n.props&&n.props.__P!=e&&(n.__k.some(function(L){L&&xo(L,L)}),n.__k=null),a=n.__k?hn(n,0):null),a=jr(e,wo(F)?F:[F],t,n,l,s,o,r,a,u,f),A.__P&&(t.__e=null,a=p),t.__u&=-161,_&&_.some(Mn),y.__h.length&&r.push(y),1&y.__g&&(y.__g&=-4)}catch(L){if(r.length=m,t.__v=null,u||o)if(L&&L.then){if(t.__u|=128|u,o){for(~(U=o.indexOf(a||void 0))||(U=o.length);(M=o[U-1])&&M.nodeType==8;)U--;for(;U<o.length;U++)if(M=o[U])if(o[U]=null,I){if(M==Z)break}else{if(M.nodeType!=8)break;M.data.startsWith("$s")&&(Z=ql(I=M))}}if(!I){for(;a&&a.nodeType==8&&a.nextSibling;)a=a.nextSibling;I=a}(p=ql(I=t.__c.__z||(t.__c.__z=I)))?(t.__e=I,a=p):t.__e=a,a=a&&a.nextSibling}else o&&o.some(Mn);else t.__e=n.__e;t.__k||(t.__k=n.__k||[]),L&&L.then||Vr(t),we.__e(L,t,n)}}else a=t.__e=Rc(n.__e,t,n,l,s,o,r,u,f,e);return(p=we.diffed)&&p(t),a}function ql(e,t){if(e&&e.nodeType==8&&e.data.startsWith("$s"))for(var n=1;e=e.nextSibling;){if(e.nodeType==8){if(e.data.startsWith("$s"))n++;else if(e.data.startsWith("/$s")&&!--n)return e}t&&t.push(e)}}function Vr(e){e&&(e.__c&&(e.__c.__g|=4),e.__k&&e.__k.some(Vr))}function zr(e,t,n){for(var l=0;l<n.length;)To(n[l++],n[l++],n[l++]);we.__c&&we.__c(t,e),e.some(function(s){try{e=s.__h,s.__h=[],e.some(function(o){o.call(s)})}catch(o){we.__e(o,s.__v)}})}function Rc(e,t,n,l,s,o,r,a,u,f){var p,_,m,y,S,b,T,A,w=n.props||Zl,P=t.props,x=t.type;if(x=="svg"?s="http://www.w3.org/2000/svg":x=="math"?s="http://www.w3.org/1998/Math/MathML":s||(s="http://www.w3.org/1999/xhtml"),o){for(p=0;p<o.length;p++)if((S=o[p])&&(x?S.localName==x:S.nodeType==3)){e=S,o[p]=null;break}}if(!e){if(A=f.ownerDocument||document,!x)return A.createTextNode(P);e=A.createElementNS(s,x,P.is?P:f),a&&(we.__m&&we.__m(t,o),a=!1),o=null}if(x){if(f=x=="template"&&e.content||e,o=x=="textarea"&&P.defaultValue!=null?null:o&&ko.call(f.childNodes),!a&&o)for(w={},p=0;p<e.attributes.length;p++)w[(S=e.attributes[p]).name]=S.value;for(p in w)S=w[p],p=="dangerouslySetInnerHTML"?m=S:p=="children"||p in P||p=="value"&&"defaultValue"in P||p=="checked"&&"defaultChecked"in P||jl(e,p,null,S,s);for(p in P)S=P[p],p=="children"?y=S:p=="dangerouslySetInnerHTML"?_=S:p=="value"?b=S:p=="checked"?T=S:a&&typeof S!="function"||w[p]===S||jl(e,p,S,w[p],s);_?(a||m&&(_.__html==m.__html||_.__html==e.innerHTML)||(e.innerHTML=_.__html),t.__k=[]):(m&&(e.textContent=""),(x=="foreignObject"||s=="http://www.w3.org/1998/Math/MathML"&&Ac.test(x))&&(s="http://www.w3.org/1999/xhtml"),jr(f,wo(y)?y:[y],t,n,l,s,o,r,o?o[0]:n.__k&&hn(n,0),a,u),o&&o.some(Mn)),a&&x!="textarea"||(p="value",x=="progress"&&b==null?e.removeAttribute(p):b==null||b===e[p]&&(x!="progress"||b)||jl(e,p,b,w[p],s),p="checked",T!=null&&T!=e[p]&&jl(e,p,T,w[p],s))}else w===P||a&&e.data==P||(e.data=P);return e}function To(e,t,n,l){try{typeof e=="function"?t?t.__x=e(t)||1:l&&(l=l.__c||l.__e)&&(t=l.__x)&&(l.__x=null,typeof t=="function"?t():e(null)):e.current=t}catch(s){we.__e(s,n)}}function xo(e,t,n){var l,s,o,r;if(we.unmount&&we.unmount(e),!(l=e.ref)||l.current&&l.current!=e.__e||To(l,null,t,e),l=e.__c){if(l.componentWillUnmount)try{l.componentWillUnmount()}catch(a){we.__e(a,t)}l.__P=l.__n=null}if(l=e.__k)for(r=0;r<l.length;r++)l[r]&&xo(l[r],t,typeof e.type!="function"||n&&!e.props.__P);!n&&(l=e.__c)&&(l=l.__z)&&(s=ql(l,o=[]))&&(l==e.__e&&o.some(Mn),Mn(s),Mn(l)),n||Mn(e.__e),e.__e=e.__c=e.__=null}function Fc(e,t,n){return this.constructor(e,n)}function Hc(e,t){var n,l,s,o;we.__&&we.__(e,t),t.nodeType==9&&(t=t.documentElement),l=(n=e&&32&e.__u)?null:t.__k,t.__k=kl(ls,{children:[e]}),s=[],o=[],So(t,t.__k,l||Zl,Zl,t.namespaceURI,l?null:t.firstChild?ko.call(t.childNodes):null,s,l?l.__e:t.firstChild,n,o),zr(s,t.__k,o),t.__k.props.children=null}we={__e:function(e,t,n,l){for(var s,o,r;t=t.__;)if((s=t.__c)&&!(1&s.__g)){s.__g|=4;try{if((r=(o=s.constructor)&&o.getDerivedStateFromError)&&s.setState(o.getDerivedStateFromError(e)),s.componentDidCatch&&(s.componentDidCatch(e,l||{}),r=1),r&&8&s.__g)return void(s.__g|=2)}catch(a){e=a}}throw Jl=0,e}},Or=0,Yl.prototype.setState=function(e,t){var n=this.__s;n&&n!=this.state||(n=this.__s=An({},this.state)),typeof e=="function"&&(e=e(An({},n),this.props)),e&&(An(n,e),this.__v&&(t&&this.__k.push(t),vi(this)))},Yl.prototype.forceUpdate=function(e){this.__v&&(this.__g|=4,e&&this.__h.push(e),vi(this))},Yl.prototype.render=ls,un=[],Jl=0,Rr=function(e,t){return e.__v.__b-t.__v.__b},Bl=Symbol(),Fr=/(PointerCapture)$|Capture$/i,bo=0,eo={};var nl,Fe,Is,wi,to=Object.is,Cl=0,Ur=[],no=[],Re=we,ki=Re.__b,Si=Re.__r,Ti=Re.diffed,xi=Re.__c,Ci=Re.unmount,Ei=Re.__;function ss(e,t){Re.__h&&Re.__h(Fe,e,Cl||t),Cl=0;var n=Fe.__H||(Fe.__H={__:[],__h:[]});return e>=n.__.length&&n.__.push({}),n.__[e]}function le(e){return Cl=1,Ic(Br,e)}function Ic(e,t,n){var l=ss(nl++,2);if(l.t=e,!l.__c&&(l.__=[Br(void 0,t),function(o){var r=(l.__N||l.__)[0],a=l.t(r,o);to(r,a)||(l.__N=[a,l.__[1]],l.__c.setState({}))}],l.__c=Fe,!Fe.__f)){Fe.__f=!0;var s=Fe.shouldComponentUpdate;Fe.shouldComponentUpdate=function(o,r,a){var u=this.__H;if(!u)return!0;var f=!1,p=this.props!=o;if(u.__.some(function(m){m.__N&&(f=!0,to(m.__[0],m.__N[0])||(p=!0))}),s){var _=s.call(this,o,r,a);return f?_||p:_}return!f||p}}return l.__}function Yt(e,t){var n=ss(nl++,3);!Re.__s&&Gr(n.__H,t)&&(n.__P=!0,n.__=e,n.u=t,Fe.__H.__h.push(n))}function os(e){return Cl=5,Co(function(){return{current:e}},[])}function Co(e,t){var n=ss(nl++,7);return Gr(n.__H,t)&&(n.__=e(),n.__H=t),n.__}function jc(e,t){return Cl=8,Co(function(){return e},t)}function is(){var e=ss(nl++,11);if(!e.__){for(var t=Fe.__v;!t.__m&&t.__;)t=t.__;var n=t.__m||(t.__m=[0,0]);e.__="P"+n[0]+"-"+n[1]++}return e.__}function Wc(){var e;do{for(;e=no.shift();)try{Sl(e)}catch(n){Re.__e(n,{__:(e=e.__P)&&e.__v})}for(;e=Ur.shift();){var t=e.__H;if(e.__P&&t)try{t.__h.some(Sl),t.__h.some(lo),t.__h=[]}catch(n){t.__h=[],Re.__e(n,e.__v)}}}while(no.length)}Re.__b=function(e){Fe=null,ki&&ki(e)},Re.__=function(e,t){e&&t.__k&&t.__k.__m&&(e.__m=t.__k.__m),Ei&&Ei(e,t)},Re.__r=function(e){Si&&Si(e),nl=0;var t=(Fe=e.__c).__H;t&&(Is==Fe?Fe.__h=[]:(t.__h.some(Sl),t.__h.some(lo),nl=0),t.__h=[],t.__.some(function(n){n.__N&&(n.__=n.__N),n.u=n.__N=void 0})),Is=Fe},Re.diffed=function(e){Ti&&Ti(e);var t=e.__c;t&&t.__H&&(t.__H.__h.length&&Ai(Ur.push(t)),t.__H.__.some(function(n){n.u&&(n.__H=n.u)})),Is=Fe=null},Re.__c=function(e,t){t.some(function(n){try{n.__h.some(Sl),n.__h=n.__h.filter(function(l){return!l.__||lo(l)})}catch(l){n.__h=[function(){throw l}]}}),xi&&xi(e,t)},Re.unmount=function(e){Ci&&Ci(e);var t,n,l=e.__c;l&&l.__H&&(l.__H.__.some(function(s){try{if(s.__P&&s.__c){if(n===void 0){for(n=e.__;n&&(!n.__c||!n.__c.__P);)n=n.__;n=n&&n.__c}s.__P=n,Ai(no.push(s))}else Sl(s)}catch(o){t=o}}),l.__H=void 0,t&&Re.__e(t,l.__v))};var Mi=typeof requestAnimationFrame=="function";function Vc(e){var t,n=function(){clearTimeout(l),Mi&&cancelAnimationFrame(t),setTimeout(e)},l=setTimeout(n,35);Mi&&(t=requestAnimationFrame(n))}function Ai(e){e!=1&&wi==Re.requestAnimationFrame||((wi=Re.requestAnimationFrame)||Vc)(Wc)}function Sl(e){var t=Fe,n=e.__c;typeof n=="function"&&(e.__c=void 0,n()),Fe=t}function lo(e){var t=Fe;e.__c=e.__(),Fe=t}function Gr(e,t){return!e||e.length!=t.length||t.some(function(n,l){return!to(n,e[l])})}function Br(e,t){return typeof t=="function"?t(e):t}const so="recfunnel.key",zc=new URL("../",document.baseURI);class Pi extends Error{constructor(t,n,l=null){super(n),this.status=t,this.field=l}}const oo=()=>sessionStorage.getItem(so)||"";function Yr(e){e?sessionStorage.setItem(so,e):sessionStorage.removeItem(so)}function Uc(e,t){const n=new URL(e.replace(/^\//,""),zc);for(const[l,s]of Object.entries(t||{}))s!==""&&s!==null&&s!==void 0&&n.searchParams.set(l,s);return n}async function $n(e,t,{params:n,body:l,accept:s=[]}={}){const o={Accept:"application/json"};oo()&&(o["X-API-Key"]=oo()),l!==void 0&&(o["Content-Type"]="application/json");let r;try{r=await fetch(Uc(t,n),{method:e,headers:o,body:l===void 0?void 0:JSON.stringify(l),cache:"no-store",credentials:"omit"})}catch{throw new Pi(0,"The service cannot be reached. Does it run?")}const a=await r.text(),u=a?Gc(a):null;if(!r.ok&&!s.includes(r.status))throw new Pi(r.status,u?.error?.message||`The answer is ${r.status}.`,u?.error?.field);return u}function Gc(e){try{return JSON.parse(e)}catch{return null}}const xe=(e,t,n)=>$n("GET",e,{params:t,...n}),tn=(...e)=>"/"+e.map(encodeURIComponent).join("/");var qr=function(e,t,n,l){var s;t[0]=0;for(var o=1;o<t.length;o++){var r=t[o++],a=t[o]?(t[0]|=r?1:2,n[t[o++]]):t[++o];r===3?l[0]=a:r===4?l[1]=Object.assign(l[1]||{},a):r===5?(l[1]=l[1]||{})[t[++o]]=a:r===6?l[1][t[++o]]+=a+"":r?(s=e.apply(a,qr(e,a,n,["",null])),l.push(s),a[0]?t[0]|=2:(t[o-2]=0,t[o]=s)):l.push(a)}return l},Di=new Map;function Bc(e){var t=Di.get(this);return t||(t=new Map,Di.set(this,t)),(t=qr(this,t.get(e)||(t.set(e,t=(function(n){for(var l,s,o=1,r="",a="",u=[0],f=function(m){o===1&&(m||(r=r.replace(/^\s*\n\s*|\s*\n\s*$/g,"")))?u.push(0,m,r):o===3&&(m||r)?(u.push(3,m,r),o=2):o===2&&r==="..."&&m?u.push(4,m,0):o===2&&r&&!m?u.push(5,0,!0,r):o>=5&&((r||!m&&o===5)&&(u.push(o,0,r,s),o=6),m&&(u.push(o,m,0,s),o=6)),r=""},p=0;p<n.length;p++){p&&(o===1&&f(),f(p));for(var _=0;_<n[p].length;_++)l=n[p][_],o===1?l==="<"?(f(),u=[u],o=3):r+=l:o===4?r==="--"&&l===">"?(o=1,r=""):r=l+r[0]:a?l===a?a="":r+=l:l==='"'||l==="'"?a=l:l===">"?(f(),o=1):o&&(l==="="?(o=5,s=r,r=""):l==="/"&&(o<5||n[p][_+1]===">")?(f(),o===3&&(u=u[0]),o=u,(u=u[0]).push(2,0,o),o=0):l===" "||l==="	"||l===`
`||l==="\r"?(f(),o=2):r+=l),o===3&&r==="!--"&&(o=4,u=u[0])}return f(),u})(e)),t),arguments,[])).length>1?t:t[0]}const d=Bc.bind(Pc),Yc=new Intl.NumberFormat("en"),J=e=>e==null?"–":Yc.format(Math.round(e)),Pe=(e,t=3)=>e==null||!Number.isFinite(e)?"–":String(+e.toFixed(t)),Bt=(e,t=1)=>e==null||!Number.isFinite(e)?"–":`${(100*e).toFixed(t)} %`,Qt=e=>e==null?"–":e>0&&e<.05?"< 0.1 ms":`${Pe(e,e<10?1:0)} ms`,qc=e=>e>=.1?`${Pe(e,1)} a second`:`${Pe(e*3600,1)} an hour`,Kc=e=>(e>0?"+":e<0?"−":"")+Pe(Math.abs(e));function _t(e){if(e==null)return"–";const t=new Date(e*1e3),n=s=>String(s).padStart(2,"0");return`${`${t.getFullYear()}-${n(t.getMonth()+1)}-${n(t.getDate())}`} ${n(t.getHours())}:${n(t.getMinutes())}`}function Kr(e,t=Date.now()/1e3){const n=Math.max(0,t-e),l=[[86400,"day"],[3600,"hour"],[60,"minute"]];for(const[s,o]of l){const r=Math.floor(n/s);if(r)return`${r} ${o}${r===1?"":"s"}`}return"less than a minute"}function Jc(e){return e==null?"–":e<1e6?`${Math.round(e/1e3)} kB`:`${Pe(e/1e6,1)} MB`}const Ae=e=>e==null||e===""?"–":Array.isArray(e)?e.join(", "):typeof e=="object"?JSON.stringify(e):String(e);function He(e,t){const[n,l]=le({data:null,error:null,loading:!0}),[s,o]=le(0);Yt(()=>{let a=!0;const u=e();if(!u){l({data:null,error:null,loading:!1});return}return l(f=>({...f,error:null,loading:!0})),u.then(f=>a&&l({data:f,error:null,loading:!1}),f=>a&&l({data:null,error:f,loading:!1})),()=>{a=!1}},[...t,s]);const r=jc(()=>o(a=>a+1),[]);return{...n,reload:r}}function Ie({of:e,children:t,what:n=""}){return e.error?d`<${qt} error=${e.error} retry=${e.reload} what=${n} />`:e.data===null?e.loading?d`<p class="muted loading" role="status">Loading…</p>`:null:t(e.data)}function qt({error:e,retry:t,what:n}){return d`<div class="notice bad" role="alert">
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
</svg>`;function $e({label:e,hint:t,children:n,...l}){const s=is();return d`<div class="field">
    <label for=${s}>${e}</label>
    ${n?n(s):d`<input id=${s} ...${l} aria-describedby=${t?`${s}-hint`:void 0} />`}
    ${t&&d`<small id=${`${s}-hint`}>${t}</small>`}
  </div>`}function nn(e){return e.preventDefault(),Object.fromEntries(new FormData(e.currentTarget))}function Zc({value:e,suggest:t}){const n=is(),[l,s]=le(e||""),[o,r]=le([]);return Yt(()=>{const a=setTimeout(()=>t(l).then(r,()=>r([])),200);return()=>clearTimeout(a)},[l]),d`<${$e}
      label="User"
      name="user"
      required
      maxlength="256"
      autocomplete="off"
      list=${n}
      value=${l}
      onInput=${a=>s(a.currentTarget.value)}
    />
    <datalist id=${n}>${o.map(a=>d`<option value=${a} />`)}</datalist>`}const Qc=({overview:e,options:t})=>d`
  <${$e} label="Scene">
    ${n=>d`<select id=${n} name="scene">
      ${e.scenes.map(l=>d`<option value=${l} selected=${l===(t.scene||"home")}>${l}</option>`)}
    </select>`}
  <//>
  <${$e} label="Filter" name="filter" maxlength="500" value=${t.filter||""} placeholder=${'category == "Drama"'} />
  <${$e} label="Items" name="k" type="number" min="1" max=${e.k_max} value=${t.k||10} />
`,Xc={passed:"good",refused:"bad",forced:"warn"},eu={passed:"good",failed:"bad",unclear:"warn"},io="admin",tu=/^(ndcg|recall|hit|coverage|mrr|map)/i;function nu({bundle:e}){return d`
    ${e.fault&&d`<p class="notice bad">${e.fault}</p>`}
    <${_e}
      caption=${`What the gate compared ${e.version} with`}
      empty="The gate did not run."
      rows=${e.checks||[]}
      columns=${[["against",t=>t.baseline],["users",t=>`${J(t.user_count)} ${t.users.replace("_",", ")}`],["outcome",t=>d`<${Le} kind=${eu[t.outcome]}>${t.outcome}<//>`],["",t=>t.explanation,"wide"]]}
    />
  `}function js(e,t){return[...new Set([...Object.keys(e||{}),...Object.keys(t||{})])].sort().filter(l=>JSON.stringify(e?.[l])!==JSON.stringify(t?.[l]))}function lu({bundles:e}){const t=e.filter(f=>!f.fault),[n,l]=le([0,1]);if(t.length<2)return d`<${De}>There is one bundle, and nothing to compare it with.<//>`;const[s,o]=n.map(f=>t[f]),r=f=>p=>l(n.map((_,m)=>m===f?p.currentTarget.selectedIndex:_)),a=js(s.metrics,o.metrics).filter(f=>tu.test(f)),u=f=>[["",p=>p],[s.version,p=>f(s,p),"n"],[o.version,p=>f(o,p),"n"]];return d`
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
      rows=${js(s.rows,o.rows)}
      columns=${u((f,p)=>J(f.rows?.[p]))}
    />
    <${_e}
      caption="Settings that differ"
      empty="They were trained with the same settings."
      rows=${js(s.settings,o.settings)}
      columns=${u((f,p)=>Ae(f.settings?.[p]))}
    />
  `}function su({bundle:e,onDone:t}){const n=os(null),[l,s]=le(null),o=async()=>{n.current.close(),s(null);try{await $n("POST",tn("bundles",e.version,"activate")),t(e.version)}catch(r){s(r)}};return d`
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
  `}function ou({bundles:e,canActivate:t,overview:n,reload:l}){const[s,o]=le(e.find(m=>m.in_service)?.version||e[0]?.version),[r,a]=le(""),u=t&&n.roles.includes(io),f=m=>{a(m),l()},p=m=>m.in_service?d`<${Le} kind="good">in service<//>`:u&&!m.fault?d`<${su} bundle=${m} onDone=${f} />`:"",_=e.find(m=>m.version===s);return d`
    ${!t&&d`<p class="muted">This service may only read the folder of bundles: run recfunnel rollback --to where they are trained.</p>`}
    ${r&&d`<p class="notice good" role="status">${r} is put into service.</p>`}
    <${_e}
      caption="Bundles, newest first"
      hideCaption
      empty="There is no bundle. Train one with recfunnel train."
      rows=${e}
      columns=${[["version",m=>d`<button type="button" class="link" aria-pressed=${m.version===s} onClick=${()=>o(m.version)}>
            ${m.version}
          </button>`],["made",m=>_t(m.created)],["data",m=>Ae(m.dataset)],["NDCG@10",m=>Pe(m.ndcg?.mean),"n"],["gate",m=>d`<${Le} kind=${m.fault?"bad":Xc[m.gate]}>${m.fault?"damaged":m.gate||"–"}<//>`],["size",m=>Jc(m.bytes),"n"],["",p]]}
    />
    ${_&&d`<h2>The gate</h2><${nu} bundle=${_} />`}
    <h2>Compare</h2>
    <${lu} bundles=${e} />
  `}function iu({overview:e,reload:t}){const n=He(()=>xe("/bundles"),[]),l=()=>{n.reload(),t()};return d`
    ${!e.roles.includes(io)&&d`<p class="muted">To activate a bundle, use a key with the role ${io}.</p>`}
    <${Ie} of=${n} what="bundles">
      ${s=>d`<${ou} bundles=${s.bundles} canActivate=${s.can_activate} overview=${e} reload=${l} />`}
    <//>
  `}function Li(){const[e,t=""]=location.hash.replace(/^#\/?/,"").split("?");return{page:e||"overview",options:Object.fromEntries(new URLSearchParams(t))}}function Rt(e,t={}){const n=Object.entries(t).filter(([,s])=>s!==""&&s!==void 0),l=new URLSearchParams(n).toString();return`#/${e}${l?`?${l}`:""}`}const Eo=(e,t)=>{location.hash=Rt(e,t)};function ru(){const[e,t]=le(Li);return Yt(()=>{const n=()=>t(Li());return addEventListener("hashchange",n),()=>removeEventListener("hashchange",n)},[]),e}const au=2e3,ro={problem:["bad","correct this"],limit:["warn","limited"],good:["good","works"]},cu=Object.keys(ro),uu={waiting:"An examination is requested. It begins within seconds, or when the training that runs has ended.",running:"An examination runs."},fu=e=>cu.flatMap(t=>e.filter(n=>n.level===t));function du({found:e}){const[t,,n,,,l]=e.events_per_user,s=[["users",`${J(e.users)}, ${J(e.idle_users)} without interactions`],["items",`${J(e.items)}, ${J(e.idle_items)} without interactions`],["interactions",J(e.interactions)],["time",e.first===null?"no timestamps":`${_t(e.first)} to ${_t(e.last)}`],["density",Bt(e.density,3)],["positive, negative",`${Bt(e.positive)}, ${Bt(e.negative)}`],["events per user",e.events_per_user.length?`${Pe(t,0)} to ${Pe(l,0)}, median ${Pe(n,1)}`:"none"]];return d`<dl class="facts">${s.map(([o,r])=>d`<dt>${o}</dt><dd>${r}</dd>`)}</dl>`}function hu({found:e}){const t=e.files.reduce((n,l)=>n+l.bad,0);return d`
    <${_e}
      caption="Findings"
      empty="Nothing was found."
      rows=${fu(e.findings)}
      columns=${[["",n=>d`<${Le} kind=${ro[n.level][0]}>${ro[n.level][1]}<//>`],["finding",n=>n.text,"sentence"]]}
    />
    <${du} found=${e} />
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
  `}function pu({data:e,reload:t}){const[n,l]=le(null),s=e.state!=="none";Yt(()=>{if(!s)return;const u=setInterval(t,au);return()=>clearInterval(u)},[s]);const o=async()=>{l(null);try{await $n("POST","/doctor"),t()}catch(u){l(u)}},r=e.data?d`<code>${e.data}</code>`:"the archived events",a=e.training_id?`the training ${e.training_id}, archived events included`:"recfunnel doctor";return d`
    ${e.unavailable?d`<p class="notice warn">${e.unavailable}</p>`:d`<button type="button" disabled=${s} onClick=${o}>Examine now</button>`}
    ${n&&d`<${qt} error=${n} />`}
    ${s&&d`<p class="muted" role="status">${uu[e.state]}</p>`}
    ${e.examined===null?d`<${De}>The data were not examined yet. Each training does so.<//>`:d`<p class="muted">${r}, read by ${a}: ${Kr(e.examined)} ago.</p>`}
    ${e.error&&d`<div class="notice bad" role="alert"><strong>The data cannot be read</strong><p>${e.error}</p></div>`}
    ${e.diagnosis&&d`<${hu} found=${e.diagnosis} />`}
  `}function $u(){const e=He(()=>xe("/doctor"),[]);return d`<${Ie} of=${e} what="data">
    ${t=>d`<${pu} data=${t} reload=${e.reload} />`}
  <//>`}const mu=5e3,_u={published:"good",running:"info",waiting:"info",refused:"warn",failed:"bad"},Ws=["waiting","running"];function gu({id:e}){const t=He(()=>xe(tn("trainings",e)),[e]);return d`<${Ie} of=${t} what="log">
    ${({log:n,reason:l})=>d`
      ${l&&d`<p class="notice warn">${l}</p>`}
      ${n.length?d`<pre tabindex="0" role="region" aria-label=${`Log of ${e}`}>${n.join(`
`)}</pre>`:d`<${De}>Its log is empty.<//>`}
    `}
  <//>`}function yu({data:e,reload:t}){const[n,l]=le(""),[s,o]=le(null),r=e.trainings.some(u=>Ws.includes(u.state));Yt(()=>{if(!r)return;const u=setInterval(t,mu);return()=>clearInterval(u)},[r]);const a=async(u,f,p)=>{o(null);try{await $n(u,f,{body:p}),t()}catch(_){o(_)}};return d`
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
      columns=${[["requested",u=>_t(u.requested),"when"],["by",u=>Ae(u.by)],["state",u=>d`<${Le} kind=${_u[u.state]}>${u.state}<//>`],["phase",u=>Ws.includes(u.state)?`${Ae(u.phase)} ${Bt(u.progress,0)}`:Ae(u.phase)],["seconds",u=>J(u.seconds),"n"],["gate",u=>Ae(u.gate)],["bundle",u=>Ae(u.bundle)],["",u=>d`<span class="row">
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
    ${n&&d`<${gu} key=${n+r} id=${n} />`}
  `}function vu(){const e=He(()=>xe("/trainings"),[]);return d`<${Ie} of=${e} what="trainings">
    ${t=>d`<${yu} data=${t} reload=${e.reload} />`}
  <//>`}const bu=5e3,wu={accepted:"stored",out_of_order:"stored, older than the user's newest event",too_old:"stored and counted; the full history has no room for it",duplicate:"sent again, no effect",trained:"in the data of the bundle already",invalid:"refused: not valid",type:"refused: the type is not configured",future:"refused: from the future",lost:"not stored by Redis, answered with 503"},Ni=["invalid","type","future","lost"],Oi="write",Wl="admin";function ku({total:e}){const t=e.events.reduce((n,l)=>n+l.n,0);return d`
    <${_e}
      caption="Events of the last 24 hours"
      empty="No event came in the last 24 hours."
      rows=${e.events}
      columns=${[["type",n=>n.labels[0]],["outcome",n=>d`<${Le} kind=${Ni.includes(n.labels[1])?"bad":""}>${n.labels[1]}<//> ${wu[n.labels[1]]||""}`],["events",n=>J(n.n),"n"],["share",n=>d`<${Ml} share=${n.n/t} kind=${Ni.includes(n.labels[1])?"bad":""} /> ${Bt(n.n/t)}`]]}
    />
    <${_e}
      caption="Requests refused before they were read, in the last 24 hours"
      empty="No request was refused for its key, its role, its rate or its host."
      rows=${e.refused_requests}
      columns=${[["reason",n=>n.labels[0]],["requests",n=>J(n.n),"n"]]}
    />
  `}function Su(){const[e,t]=le(!1),n=He(()=>xe("/events",{limit:25}),[]);return Yt(()=>{if(!e)return;const l=setInterval(n.reload,bu);return()=>clearInterval(l)},[e]),d`
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
  `}function Tu({overview:e}){const t=He(()=>xe("/activity",{hours:24}),[]);return d`
    <h2>Events</h2>
    <${Ie} of=${t} what="events">${({total:n})=>d`<${ku} total=${n} />`}<//>
    <h2>Trainings</h2>
    ${e.roles.includes(Wl)?d`<${vu} />`:d`<${De}>Trainings need a key with the role ${Wl}.<//>`}
    <h2>Data of trainings</h2>
    ${e.roles.includes(Wl)?d`<${$u} />`:d`<${De}>What is in the data needs a key with the role ${Wl}.<//>`}
    <h2>The newest events</h2>
    ${e.roles.includes(Oi)?d`<${Su} />`:d`<${De}>Events of users need a key with the role ${Oi}.<//>`}
  `}const[Ri,Jr,Gt,Vl,Fi]=[920,340,34,12,4],Hi=Jr-Gt-10;function Ii(e,t,n,l,s,o){const r=(e+l)/2,a=(u,f,p)=>`${r},${u} ${r},${f} ${p},${f}`;return`M${e},${t} C${a(t,s,l)} L${l},${o} C${a(o,n,e)} Z`}function xu({steps:{channels:e,kept:t}}){const n=e.filter(b=>b.left>0),l=n.reduce((b,T)=>b+T.left,0);if(!l||t.length<2)return null;const s=Fi*(n.length-1),o=(Hi-s)/l,r=Hi/Math.max(...t.map(b=>b.n),1),a=175,u=(Ri-a-70)/t.length,f=b=>a+u*(b+1);let p=Gt,_=Gt;const m=t[0].n*r/l,y=n.map(b=>{const[T,A]=[b.left*o,b.left*m],w={channel:b,top:p,height:T,path:Ii(a+Vl,p,p+T,f(0),_,_+A)};return p+=T+Fi,_+=A,w}),S=`${e.length} channels proposed ${l} items; ${t.map(b=>`${b.name} ${b.n}`).join(", ")}.`;return d`<figure class="sankey">
    <svg viewBox=${`0 0 ${Ri} ${Jr}`} role="img" aria-label=${S}>
      ${y.map(({channel:b,top:T,height:A,path:w})=>d`<g>
          <path class="flow" d=${w} />
          <rect class="node" x=${a} y=${T} width=${Vl} height=${Math.max(1,A)} />
          <text x=${a-8} y=${T+A/2+4} text-anchor="end">${b.name} ${J(b.left)} · ${Qt(b.ms)}</text>
        </g>`)}
      ${t.map((b,T)=>{const A=Math.max(2,b.n*r),w=t[T+1],P=b.outcome&&b.outcome!=="ok"?"node bad":"node";return d`<g>
          ${w&&d`<path class="flow" d=${Ii(f(T)+Vl,Gt,Gt+Math.max(2,w.n*r),f(T+1),Gt,Gt+Math.max(2,w.n*r))} />`}
          <rect class=${P} x=${f(T)} y=${Gt} width=${Vl} height=${A} />
          <text class="strong" x=${f(T)} y=${Gt-18}>${b.name}</text>
          <text x=${f(T)} y=${Gt-5}>${J(b.n)}${b.ms===null?"":` · ${Qt(b.ms)}`}</text>
        </g>`})}
    </svg>
    <figcaption class="muted">The height is the number of candidates.</figcaption>
  </figure>`}const Zr=/^(image|picture|poster|thumbnail|cover|photo)(_?url)?$/i,Qr=/^(price|cost)$/i,Xr=e=>e.filter(t=>t==="category"||t==="year"||Zr.test(t)||Qr.test(t)).join(",");function ao(e){const t=Object.keys(e||{}).find(l=>Zr.test(l)),n=t&&e[t];return typeof n=="string"&&n?n:null}const ea=e=>!/^([a-z][a-z\d+.-]*:|\/\/)/i.test(e);function Cu(e,t){const n=ao(e);if(!n)return null;if(ea(n))return t?t.replace(/\/+$/,"")+"/"+n.replace(/^\/+/,""):null;const l=n.startsWith("//")?`https:${n}`:n;return l.startsWith("https://")?l:null}const Eu=e=>{e.currentTarget.hidden=!0};function ta(e){const t=e.because.map((n,l)=>e.because_titles[l]||n);return t.length?`because of ${t.join(" and ")}`:`from ${e.channel}`}function Mu({item:e,position:t,base:n}){const l=e.fields||{},s=Cu(l,n),o=Object.keys(l).find(a=>Qr.test(a)&&l[a]!==null),r=[Ae(l.category),Ae(l.year)].filter(a=>a!=="–");return d`<li class="card item">
    ${s&&d`<img src=${s} alt="" loading="lazy" referrerpolicy="no-referrer" onError=${Eu} />`}
    <div>
      <p class="title">
        <span class="muted">${t}.${" "}</span>
        <a href=${Rt("items",{id:e.item_id})}>${e.title||e.item_id}</a>
        ${e.slot&&e.slot!=="organic"&&d` <${Le} kind="info">${e.slot}<//>`}
      </p>
      ${o&&d`<p class="price">${Ae(l[o])}</p>`}
      ${r.length>0&&d`<p class="muted">${r.join(" · ")}</p>`}
      ${e.reason&&d`<p>${ta(e.reason)}</p>`}
      <p class="muted small">${e.item_id} · score ${Pe(e.score)}${e.reason&&` · ${e.reason.channel}`}</p>
    </div>
  </li>`}function na({items:e,overview:t}){const n=t.picture_base,l=!n&&e.some(s=>ao(s.fields)&&ea(ao(s.fields)));return d`
    <ol class="cards">${e.map((s,o)=>d`<${Mu} item=${s} position=${o+1} base=${n} />`)}</ol>
    ${l&&d`<p class="muted small">Pictures have relative addresses. Set picture_base to what is before them, and restart the service.</p>`}
  `}const la="write",sa=e=>e.roles.includes(la),Au=e=>async t=>sa(e)?(await xe("/users",{prefix:t,limit:20})).users.map(n=>n.user_id):[],oa=({user:e,scene:t,filter:n,k:l,explore:s,boost:o,pin:r})=>({user_id:e,boost:o,pin:r,scene:t,filter:n,k:l||10,explore:s==="no"?"false":"true"});function ia({page:e,overview:t,options:n,children:l}){return d`<form class="controls" onSubmit=${s=>Eo(e,nn(s))}>
    <${Zc} value=${n.user} suggest=${Au(t)} />
    <${Qc} overview=${t} options=${n} />
    ${l}
    <button class="main">Show the list</button>
  </form>`}function Pu({user:e}){const t=He(()=>xe(tn("users",e,"history"),{limit:30}),[e]),n=l=>l>0?["good","liked"]:l<0?["bad","disliked"]:["","neutral"];return d`<${Ie} of=${t} what="history">
    ${({events:l})=>d`<${_e}
      caption=${`The newest events of ${e}`}
      hideCaption
      empty="No events: this user is new."
      rows=${l}
      columns=${[["item",s=>d`<a href=${Rt("items",{id:s.item_id})}>${s.title||s.item_id}</a>`],["event",s=>d`${s.type||"event"} ${s.value!==1||!s.type||s.type==="rating"?Pe(s.value,2):""}`,"when"],["",s=>d`<${Le} kind=${n(s.weight)[0]}>${n(s.weight)[1]}<//>`],["when",s=>_t(s.timestamp),"when"]]}
    />`}
  <//>`}function Du(e){return!e||typeof e!="object"||Array.isArray(e)?Ae(typeof e=="number"?Pe(e,4):e):Object.entries(e).map(([n,l])=>typeof l=="object"?`${n} at rank ${l.rank+1}`:`${n} ${Pe(l)}`).join(", ")||"–"}function Lu({params:e}){const[t,n]=le(null),[l,s]=le(null),o=async a=>{const{item:u}=nn(a);s(null),n(null);try{n(await xe("/explain",{...e,item_id:u.trim()}))}catch(f){s(f)}},r=["item_id","stage","reason","user_id","bundle"];return d`<section aria-label="Why not this item?">
    <h2>Why not this item?</h2>
    <form class="controls" onSubmit=${o}>
      <${$e} label="Item" name="item" required maxlength="256" autocomplete="off" />
      <button>Ask</button>
    </form>
    ${l&&d`<${qt} error=${l} />`}
    ${t&&d`<div class="card" role="status">
      <p><${Le} kind=${t.stage==="shown"?"good":"warn"}>${t.stage}<//> ${t.reason}</p>
      <dl class="facts">
        ${Object.entries(t).filter(([a])=>!r.includes(a)).map(([a,u])=>d`<dt>${a.replaceAll("_"," ")}</dt><dd>${Du(u)}</dd>`)}
      </dl>
    </div>`}
  </section>`}function Nu({overview:e,options:t}){const n=oa(t),l=Xr(e.fields),s=He(()=>xe("/recommend",{...n,fields:l,preview:"true"}),[JSON.stringify(n)]);return d`
    <div class="columns">
      <section aria-label="History">
        <h2>History</h2>
        ${sa(e)?d`<${Pu} user=${t.user} />`:d`<${De}>Histories need a key with the role ${la}.<//>`}
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
            ${o.items.length?d`<${na} items=${o.items} overview=${e} />`:d`<${De}>The list is empty: no item passes.<//>`}
          `}
        <//>
        <${Lu} params=${n} />
      </section>
    </div>
  `}function Ou({overview:e,options:t}){return d`
    <p class="muted">The list that a user would get now. Looking at it changes nothing.</p>
    <${ia} page="try" overview=${e} options=${t}>
      <${$e} label="Exploration">
        ${n=>d`<select id=${n} name="explore">
          <option value="yes">yes</option>
          <option value="no" selected=${t.explore==="no"}>no</option>
        </select>`}
      <//>
      <${$e} label="Boost" name="boost" value=${t.boost||""} maxlength="500" placeholder=${'0.3 if category == "Drama"'} />
      <${$e} label="Pin" name="pin" value=${t.pin||""} maxlength="300" placeholder="1:50" />
    <//>
    ${t.user?d`<${Nu} key=${JSON.stringify(t)} overview=${e} options=${t} />`:d`<${De}>Choose a user. Any id works: one that is not known gets a list too.<//>`}
  `}const ji=12,Wi="recall.";function Ru(e){const t=a=>e.stages.find(u=>u.stage===a),n=e.stages.filter(a=>a.stage.startsWith(Wi)).map(a=>({...a,name:a.stage.slice(Wi.length)})),[l,s,o]=["coarse","fine","rerank"].map(t),r=[l&&{name:"merged",n:l.entered,ms:null},l&&{name:"coarse",n:l.left,ms:l.ms,outcome:l.outcome},s&&{name:"fine",n:s.left,ms:s.ms,outcome:s.outcome},{name:"list",n:e.items.length,ms:o?.ms??null,outcome:o?.outcome}].filter(Boolean);return{channels:n,kept:r}}function Fu({answer:e}){const t=Math.max(1,...e.stages.map(n=>Math.max(n.entered,n.left)));return d`<${_e}
    caption="Stages in the order they ended"
    rows=${e.stages}
    columns=${[["stage",n=>n.stage],["outcome",n=>d`<${Le} kind=${n.outcome==="ok"?"good":"warn"}>${n.outcome}<//>`],["entered",n=>J(n.entered),"n"],["left",n=>J(n.left),"n"],["",n=>d`<${Ml} share=${n.left/t} />`],["time",n=>Qt(n.ms),"n"]]}
  />`}function Hu({item:e}){const{contributions:t,features:n,scores:l,channels:s}=e.explain,o=Object.entries(t||{}).filter(([p])=>p!=="constant");o.sort((p,_)=>Math.abs(_[1])-Math.abs(p[1]));const r=o.slice(0,ji),a=o.slice(ji).reduce((p,[,_])=>p+_,0),u=Math.max(1e-9,...r.map(([,p])=>Math.abs(p))),f=[...r,["all other features",a],["the same for every item",t?.constant??0]];return d`
    <p>${e.title||e.item_id}: ${ta(e.reason)}. Score of each stage: ${Object.entries(l).map(([p,_])=>`${p} ${Pe(_)}`).join(", ")}.</p>
    <${_e}
      caption="Channels that proposed it"
      empty="No channel proposed it: it fills up the list."
      rows=${Object.entries(s)}
      columns=${[["channel",([p])=>p],["rank",([,p])=>p.rank+1,"n"],["score",([,p])=>Pe(p.score),"n"]]}
    />
    ${t?d`<${_e}
          caption="What each feature added to the score of the fine ranker"
          rows=${f}
          columns=${[["feature",([p])=>p],["value",([p])=>p in n?Pe(n[p]):"","n"],["added",([,p])=>Kc(p),"n"],["",([,p])=>d`<${Ml} share=${Math.abs(p)/u} kind=${p<0?"bad":"good"} />`]]}
        />`:d`<${De}>This answer has no contributions.<//>`}
  `}function Iu({overview:e,options:t}){const n=oa(t),l={...n,contributions:"true",preview:"true"},s=He(()=>xe("/recommend",l),[JSON.stringify(n)]),[o,r]=le(0);return d`<${Ie} of=${s} what="funnel">
    ${a=>{const u=a.items[Math.min(o,a.items.length-1)];return d`
        <p class="muted">Answered in ${Qt(a.took_ms)} of ${Qt(e.budget_ms)}, by ${a.bundle}.</p>
        ${(a.notes||[]).map(f=>d`<p class="notice warn">${f}</p>`)}
        <${xu} steps=${Ru(a)} />
        <${Fu} answer=${a} />
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
              <${Hu} item=${u} />`:d`<${De}>The list is empty.<//>`}
      `}}
  <//>`}function ju({overview:e,options:t}){return d`
    <p class="muted">What one request does, stage by stage. It does not count as shown.</p>
    <${ia} page="funnel" overview=${e} options=${t} />
    ${t.user?d`<${Iu} key=${JSON.stringify(t)} overview=${e} options=${t} />`:d`<${De}>Choose a user.<//>`}
  `}const Vi="write";function Wu({options:e,overview:t}){const{prefix:n,title:l,filter:s,cursor:o}=e,r=["category","year"].filter(u=>t.fields.includes(u)).join(","),a=He(()=>xe("/items",{prefix:n,title:l,filter:s,cursor:o,fields:r,limit:25}),[JSON.stringify(e)]);return d`
    <form class="controls" onSubmit=${u=>Eo("items",nn(u))}>
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
  `}function Vu(e,t){const n={},l=o=>o.split(",").map(r=>r.trim()).filter(Boolean);t.title!==(e.title||"")&&(n.title=t.title),t.provider!==(e.provider||"")&&(n.provider=t.provider),t.categories!==e.categories.join(", ")&&(n.categories=l(t.categories)),t.released!==String(e.released??"")&&t.released!==""&&(n.released=Number(t.released));const s={};for(const[o,r]of Object.entries(e.attributes)){const a=t[`attribute.${o}`];a===String(r??"")||a===""||(s[o]=typeof r=="number"?Number(a):a)}return Object.keys(s).length&&(n.attributes=s),n}function zu({item:e,onChange:t}){const[n,l]=le({busy:!1,error:null,done:""}),s=async(r,a)=>{l({busy:!0,error:null,done:""});try{await $n("PATCH",tn("items",e.item_id),{body:r}),l({busy:!1,error:null,done:a}),t()}catch(u){l({busy:!1,error:u,done:""})}},o=r=>{const a=Vu(e,nn(r));Object.keys(a).length?s(a,"Saved. It holds for the next list."):l({busy:!1,error:null,done:"Nothing was changed."})};return d`<section aria-label="Change the item">
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
  </section>`}function Uu({id:e}){const t=He(()=>xe(tn("items",e,"counts")),[e]);return d`<${Ie} of=${t} what="counts">
    ${n=>d`
      <p>Since the end of the bundle's data: in ${J(n.shown)} lists, ${J(n.liked)} positive events.</p>
      <${_e}
        caption="Likes, fading with a half-life"
        rows=${Object.entries(n.trend)}
        columns=${[["half-life",([l])=>l==="all"?"never":`${l} day${l==="1"?"":"s"}`],["likes",([,l])=>Pe(l,1),"n"]]}
      />
    `}
  <//>`}function Gu({id:e,overview:t}){const[n,l]=le("behaviour"),s=Xr(t.fields),o=He(()=>xe(tn("items",e,"similar"),{k:8,by:n,fields:s}),[e,n]);return d`
    <div class="row" role="group" aria-label="Similar by">
      ${["behaviour","content"].map(r=>d`<button type="button" aria-pressed=${n===r} onClick=${()=>l(r)}>${r}</button>`)}
    </div>
    <${Ie} of=${o} what="similar items">
      ${r=>d`
        ${(r.notes||[]).map(a=>d`<p class="notice warn">${a}</p>`)}
        ${r.items.length?d`<${na} items=${r.items} overview=${t} />`:d`<${De}>Nothing is similar.<//>`}
      `}
    <//>
  `}function Bu({id:e,overview:t}){const n=He(()=>xe(tn("items",e)),[e]);return d`
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
        ${t.roles.includes(Vi)?d`<${zu} key=${JSON.stringify(l)} item=${l} onChange=${n.reload} />`:d`<${De}>Changes need a key with the role ${Vi}.<//>`}
        <h3>Counts</h3>
        <${Uu} id=${e} />
        <h3>Similar items</h3>
        <${Gu} id=${e} overview=${t} />
      `}
    <//>
  `}function Yu({overview:e,options:t}){return t.id?d`<${Bu} key=${t.id} id=${t.id} overview=${e} />`:d`<${Wu} key=${JSON.stringify(t)} options=${t} overview=${e} />`}const qu=!0,Ue="u-",Ku="uplot",Ju=Ue+"hz",Zu=Ue+"vt",Qu=Ue+"title",Xu=Ue+"wrap",ef=Ue+"under",tf=Ue+"over",nf=Ue+"axis",En=Ue+"off",lf=Ue+"select",sf=Ue+"cursor-x",of=Ue+"cursor-y",rf=Ue+"cursor-pt",af=Ue+"legend",cf=Ue+"live",uf=Ue+"inline",ff=Ue+"series",df=Ue+"marker",zi=Ue+"label",hf=Ue+"value",vl="width",bl="height",gl="top",Ui="bottom",Xn="left",Vs="right",Mo="#000",Gi=Mo+"0",zs="mousemove",Bi="mousedown",Us="mouseup",Yi="mouseenter",qi="mouseleave",Ki="dblclick",pf="resize",$f="scroll",Ji="change",Xl="dppxchange",Ao="--",rl=typeof window<"u",co=rl?document:null,tl=rl?window:null,mf=rl?navigator:null;let ae,zl;function uo(){let e=devicePixelRatio;ae!=e&&(ae=e,zl&&ho(Ji,zl,uo),zl=matchMedia(`(min-resolution: ${ae-.001}dppx) and (max-resolution: ${ae+.001}dppx)`),Pn(Ji,zl,uo),tl.dispatchEvent(new CustomEvent(Xl)))}function $t(e,t){if(t!=null){let n=e.classList;!n.contains(t)&&n.add(t)}}function fo(e,t){let n=e.classList;n.contains(t)&&n.remove(t)}function be(e,t,n){e.style[t]=n+"px"}function Dt(e,t,n,l){let s=co.createElement(e);return t!=null&&$t(s,t),n?.insertBefore(s,l),s}function Tt(e,t){return Dt("div",e,t)}const Zi=new WeakMap;function Ut(e,t,n,l,s){let o="translate("+t+"px,"+n+"px)",r=Zi.get(e);o!=r&&(e.style.transform=o,Zi.set(e,o),t<0||n<0||t>l||n>s?$t(e,En):fo(e,En))}const Qi=new WeakMap;function Xi(e,t,n){let l=t+n,s=Qi.get(e);l!=s&&(Qi.set(e,l),e.style.background=t,e.style.borderColor=n)}const er=new WeakMap;function tr(e,t,n,l){let s=t+""+n,o=er.get(e);s!=o&&(er.set(e,s),e.style.height=n+"px",e.style.width=t+"px",e.style.marginLeft=l?-t/2+"px":0,e.style.marginTop=l?-n/2+"px":0)}const Po={passive:!0},_f={...Po,capture:!0};function Pn(e,t,n,l){t.addEventListener(e,n,l?_f:Po)}function ho(e,t,n,l){t.removeEventListener(e,n,Po)}rl&&uo();function Lt(e,t,n,l){let s;n=n||0,l=l||t.length-1;let o=l<=2147483647;for(;l-n>1;)s=o?n+l>>1:mt((n+l)/2),t[s]<e?n=s:l=s;return e-t[n]<=t[l]-e?n:l}function ra(e){return(n,l,s)=>{let o=-1,r=-1;for(let a=l;a<=s;a++)if(e(n[a])){o=a;break}for(let a=s;a>=l;a--)if(e(n[a])){r=a;break}return[o,r]}}const aa=e=>e!=null,ca=e=>e!=null&&e>0,rs=ra(aa),gf=ra(ca);function yf(e,t,n,l=0,s=!1){let o=s?gf:rs,r=s?ca:aa;[t,n]=o(e,t,n);let a=e[t],u=e[t];if(t>-1)if(l==1)a=e[t],u=e[n];else if(l==-1)a=e[n],u=e[t];else for(let f=t;f<=n;f++){let p=e[f];r(p)&&(p<a?a=p:p>u&&(u=p))}return[a??he,u??-he]}function as(e,t,n,l){let s=sr(e),o=sr(t);e==t&&(s==-1?(e*=n,t/=n):(e/=n,t*=n));let r=n==10?Xt:ua,a=s==1?mt:xt,u=o==1?xt:mt,f=a(r(ze(e))),p=u(r(ze(t))),_=ll(n,f),m=ll(n,p);return n==10&&(f<0&&(_=pe(_,-f)),p<0&&(m=pe(m,-p))),l||n==2?(e=_*s,t=m*o):(e=pa(e,_),t=cs(t,m)),[e,t]}function Do(e,t,n,l){let s=as(e,t,n,l);return e==0&&(s[0]=0),t==0&&(s[1]=0),s}const Lo=.1,nr={mode:3,pad:Lo},Tl={pad:0,soft:null,mode:0},vf={min:Tl,max:Tl};function es(e,t,n,l){return us(n)?lr(e,t,n):(Tl.pad=n,Tl.soft=l?0:null,Tl.mode=l?3:0,lr(e,t,vf))}function ie(e,t){return e??t}function bf(e,t,n){for(t=ie(t,0),n=ie(n,e.length-1);t<=n;){if(e[t]!=null)return!0;t++}return!1}function lr(e,t,n){let l=n.min,s=n.max,o=ie(l.pad,0),r=ie(s.pad,0),a=ie(l.hard,-he),u=ie(s.hard,he),f=ie(l.soft,he),p=ie(s.soft,-he),_=ie(l.mode,0),m=ie(s.mode,0),y=t-e,S=Xt(y),b=it(ze(e),ze(t)),T=Xt(b),A=ze(T-S);(y<1e-24||A>10)&&(y=0,(e==0||t==0)&&(y=1e-24,_==2&&f!=he&&(o=0),m==2&&p!=-he&&(r=0)));let w=y||b||1e3,P=Xt(w),x=ll(10,mt(P)),Y=w*(y==0?e==0?.1:1:o),O=pe(pa(e-Y,x/10),24),F=e>=f&&(_==1||_==3&&O<=f||_==2&&O>=f)?f:he,I=it(a,O<F&&e>=F?F:Ot(F,O)),Z=w*(y==0?t==0?.1:1:r),U=pe(cs(t+Z,x/10),24),M=t<=p&&(m==1||m==3&&U>=p||m==2&&U<=p)?p:-he,G=Ot(u,U>M&&t<=M?M:it(M,U));return I==G&&I==0&&(G=100),[I,G]}const wf=new Intl.NumberFormat(rl?mf.language:"en-US"),No=e=>wf.format(e),gt=Math,Kl=gt.PI,ze=gt.abs,mt=gt.floor,Ve=gt.round,xt=gt.ceil,Ot=gt.min,it=gt.max,ll=gt.pow,sr=gt.sign,Xt=gt.log10,ua=gt.log2,kf=(e,t=1)=>gt.sinh(e)*t,Gs=(e,t=1)=>gt.asinh(e/t),he=1/0;function or(e){return(Xt((e^e>>31)-(e>>31))|0)+1}function po(e,t,n){return Ot(it(e,t),n)}function fa(e){return typeof e=="function"}function te(e){return fa(e)?e:()=>e}const Sf=()=>{},da=e=>e,ha=(e,t)=>t,Tf=e=>null,ir=e=>!0,rr=(e,t)=>e==t,xf=/\.\d*?(?=9{6,}|0{6,})/gm,Dn=e=>{if(ma(e)||pn.has(e))return e;const t=`${e}`,n=t.match(xf);if(n==null)return e;let l=n[0].length-1;if(t.indexOf("e-")!=-1){let[s,o]=t.split("e");return+`${Dn(s)}e${o}`}return pe(e,l)};function xn(e,t){return Dn(pe(Dn(e/t))*t)}function cs(e,t){return Dn(xt(Dn(e/t))*t)}function pa(e,t){return Dn(mt(Dn(e/t))*t)}function pe(e,t=0){if(ma(e))return e;let n=10**t,l=e*n*(1+Number.EPSILON);return Ve(l)/n}const pn=new Map;function $a(e){return((""+e).split(".")[1]||"").length}function El(e,t,n,l){let s=[],o=l.map($a);for(let r=t;r<n;r++){let a=ze(r),u=pe(ll(e,r),a);for(let f=0;f<l.length;f++){let p=e==10?+`${l[f]}e${r}`:l[f]*u,_=(r>=0?0:a)+(r>=o[f]?0:o[f]),m=e==10?p:pe(p,_);s.push(m),pn.set(m,_)}}return s}const xl={},Oo=[],sl=[null,null],fn=Array.isArray,ma=Number.isInteger,Cf=e=>e===void 0;function ar(e){return typeof e=="string"}function us(e){let t=!1;if(e!=null){let n=e.constructor;t=n==null||n==Object}return t}function Ef(e){return e!=null&&typeof e=="object"}const Mf=Object.getPrototypeOf(Uint8Array),_a="__proto__";function ol(e,t=us){let n;if(fn(e)){let l=e.find(s=>s!=null);if(fn(l)||t(l)){n=Array(e.length);for(let s=0;s<e.length;s++)n[s]=ol(e[s],t)}else n=e.slice()}else if(e instanceof Mf)n=e.slice();else if(t(e)){n={};for(let l in e)l!=_a&&(n[l]=ol(e[l],t))}else n=e;return n}function Oe(e){let t=arguments;for(let n=1;n<t.length;n++){let l=t[n];for(let s in l)s!=_a&&(us(e[s])?Oe(e[s],ol(l[s])):e[s]=ol(l[s]))}return e}const Af=0,Pf=1,Df=2;function Lf(e,t,n){for(let l=0,s,o=-1;l<t.length;l++){let r=t[l];if(r>o){for(s=r-1;s>=0&&e[s]==null;)e[s--]=null;for(s=r+1;s<n&&e[s]==null;)e[o=s++]=null}}}function Nf(e,t){if(Ff(e)){let r=e[0].slice();for(let a=1;a<e.length;a++)r.push(...e[a].slice(1));return Hf(r[0])||(r=Rf(r)),r}let n=new Set;for(let r=0;r<e.length;r++){let u=e[r][0],f=u.length;for(let p=0;p<f;p++)n.add(u[p])}let l=[Array.from(n).sort((r,a)=>r-a)],s=l[0].length,o=new Map;for(let r=0;r<s;r++)o.set(l[0][r],r);for(let r=0;r<e.length;r++){let a=e[r],u=a[0];for(let f=1;f<a.length;f++){let p=a[f],_=Array(s).fill(void 0),m=t?t[r][f]:Pf,y=[];for(let S=0;S<p.length;S++){let b=p[S],T=o.get(u[S]);b===null?m!=Af&&(_[T]=b,m==Df&&y.push(T)):_[T]=b}Lf(_,y,s),l.push(_)}}return l}const Of=typeof queueMicrotask>"u"?e=>Promise.resolve().then(e):queueMicrotask;function Rf(e){let t=e[0],n=t.length,l=Array(n);for(let o=0;o<l.length;o++)l[o]=o;l.sort((o,r)=>t[o]-t[r]);let s=[];for(let o=0;o<e.length;o++){let r=e[o],a=Array(n);for(let u=0;u<n;u++)a[u]=r[l[u]];s.push(a)}return s}function Ff(e){let t=e[0][0],n=t.length;for(let l=1;l<e.length;l++){let s=e[l][0];if(s.length!=n)return!1;if(s!=t){for(let o=0;o<n;o++)if(s[o]!=t[o])return!1}}return!0}function Hf(e,t=100){const n=e.length;if(n<=1)return!0;let l=0,s=n-1;for(;l<=s&&e[l]==null;)l++;for(;s>=l&&e[s]==null;)s--;if(s<=l)return!0;const o=it(1,mt((s-l+1)/t));for(let r=e[l],a=l+o;a<=s;a+=o){const u=e[a];if(u!=null){if(u<=r)return!1;r=u}}return!0}const ga=["January","February","March","April","May","June","July","August","September","October","November","December"],ya=["Sunday","Monday","Tuesday","Wednesday","Thursday","Friday","Saturday"];function va(e){return e.slice(0,3)}const If=ya.map(va),jf=ga.map(va),Wf={MMMM:ga,MMM:jf,WWWW:ya,WWW:If};function yl(e){return(e<10?"0":"")+e}function Vf(e){return(e<10?"00":e<100?"0":"")+e}const zf={YYYY:e=>e.getFullYear(),YY:e=>(e.getFullYear()+"").slice(2),MMMM:(e,t)=>t.MMMM[e.getMonth()],MMM:(e,t)=>t.MMM[e.getMonth()],MM:e=>yl(e.getMonth()+1),M:e=>e.getMonth()+1,DD:e=>yl(e.getDate()),D:e=>e.getDate(),WWWW:(e,t)=>t.WWWW[e.getDay()],WWW:(e,t)=>t.WWW[e.getDay()],HH:e=>yl(e.getHours()),H:e=>e.getHours(),h:e=>{let t=e.getHours();return t==0?12:t>12?t-12:t},AA:e=>e.getHours()>=12?"PM":"AM",aa:e=>e.getHours()>=12?"pm":"am",a:e=>e.getHours()>=12?"p":"a",mm:e=>yl(e.getMinutes()),m:e=>e.getMinutes(),ss:e=>yl(e.getSeconds()),s:e=>e.getSeconds(),fff:e=>Vf(e.getMilliseconds())};function Ro(e,t){t=t||Wf;let n=[],l=/\{([a-z]+)\}|[^{]+/gi,s;for(;s=l.exec(e);)n.push(s[0][0]=="{"?zf[s[1]]:s[0]);return o=>{let r="";for(let a=0;a<n.length;a++)r+=typeof n[a]=="string"?n[a]:n[a](o,t);return r}}const Uf=new Intl.DateTimeFormat().resolvedOptions().timeZone;function Gf(e,t){let n;return t=="UTC"||t=="Etc/UTC"?n=new Date(+e+e.getTimezoneOffset()*6e4):t==Uf?n=e:(n=new Date(e.toLocaleString("en-US",{timeZone:t})),n.setMilliseconds(e.getMilliseconds())),n}const ba=e=>e%1==0,ts=[1,2,2.5,5],Bf=El(10,-32,0,ts),wa=El(10,0,32,ts),Yf=wa.filter(ba),Cn=Bf.concat(wa),Fo=`
`,ka="{YYYY}",cr=Fo+ka,Sa="{M}/{D}",wl=Fo+Sa,Ul=wl+"/{YY}",Ta="{aa}",qf="{h}:{mm}",el=qf+Ta,ur=Fo+el,fr=":{ss}",ue=null;function xa(e){let t=e*1e3,n=t*60,l=n*60,s=l*24,o=s*30,r=s*365,u=(e==1?El(10,0,3,ts).filter(ba):El(10,-3,0,ts)).concat([t,t*5,t*10,t*15,t*30,n,n*5,n*10,n*15,n*30,l,l*2,l*3,l*4,l*6,l*8,l*12,s,s*2,s*3,s*4,s*5,s*6,s*7,s*8,s*9,s*10,s*15,o,o*2,o*3,o*4,o*6,r,r*2,r*5,r*10,r*25,r*50,r*100]);const f=[[r,ka,ue,ue,ue,ue,ue,ue,1],[s*28,"{MMM}",cr,ue,ue,ue,ue,ue,1],[s,Sa,cr,ue,ue,ue,ue,ue,1],[l,"{h}"+Ta,Ul,ue,wl,ue,ue,ue,1],[n,el,Ul,ue,wl,ue,ue,ue,1],[t,fr,Ul+" "+el,ue,wl+" "+el,ue,ur,ue,1],[e,fr+".{fff}",Ul+" "+el,ue,wl+" "+el,ue,ur,ue,1]];function p(_){return(m,y,S,b,T,A)=>{let w=[],P=T>=r,x=T>=o&&T<r,Y=_(S),O=pe(Y*e,3),F=Bs(Y.getFullYear(),P?0:Y.getMonth(),x||P?1:Y.getDate()),I=pe(F*e,3);if(x||P){let Z=x?T/o:0,U=P?T/r:0,M=O==I?O:pe(Bs(F.getFullYear()+U,F.getMonth()+Z,1)*e,3),G=new Date(Ve(M/e)),L=G.getFullYear(),q=G.getMonth();for(let z=0;M<=b;z++){let ne=Bs(L+U*z,q+Z*z,1),V=ne-_(pe(ne*e,3));M=pe((+ne+V)*e,3),M<=b&&w.push(M)}}else{let Z=T>=s?s:T,U=mt(S)-mt(O),M=I+U+cs(O-I,Z);w.push(M);let G=_(M),L=G.getHours()+G.getMinutes()/n+G.getSeconds()/l,q=T/l,z=m.axes[y]._space,ne=A/z;for(;M=pe(M+T,e==1?0:3),!(M>b);)if(q>1){let V=mt(pe(L+q,6))%24,se=_(M).getHours()-V;se>1&&(se=-1),M-=se*l,L=(L+q)%24;let fe=w[w.length-1];pe((M-fe)/T,3)*ne>=.7&&w.push(M)}else w.push(M)}return w}}return[u,f,p]}const[Kf,Jf,Zf]=xa(1),[Qf,Xf,ed]=xa(.001);El(2,-53,53,[1]);function dr(e,t){return e.map(n=>n.map((l,s)=>s==0||s==8||l==null?l:t(s==1||n[8]==0?l:n[1]+l)))}function hr(e,t){return(n,l,s,o,r)=>{let a=t.find(S=>r>=S[0])||t[t.length-1],u,f,p,_,m,y;return l.map(S=>{let b=e(S),T=b.getFullYear(),A=b.getMonth(),w=b.getDate(),P=b.getHours(),x=b.getMinutes(),Y=b.getSeconds(),O=T!=u&&a[2]||A!=f&&a[3]||w!=p&&a[4]||P!=_&&a[5]||x!=m&&a[6]||Y!=y&&a[7]||a[1];return u=T,f=A,p=w,_=P,m=x,y=Y,O(b)})}}function td(e,t){let n=Ro(t);return(l,s,o,r,a)=>s.map(u=>n(e(u)))}function Bs(e,t,n){return new Date(e,t,n)}function pr(e,t){return t(e)}const nd="{YYYY}-{MM}-{DD} {h}:{mm}{aa}";function $r(e,t){return(n,l,s,o)=>o==null?Ao:t(e(l))}function ld(e,t){let n=e.series[t];return n.width?n.stroke(e,t):n.points.width?n.points.stroke(e,t):null}function sd(e,t){return e.series[t].fill(e,t)}const od={show:!0,live:!0,isolate:!1,mount:Sf,markers:{show:!0,width:2,stroke:ld,fill:sd,dash:"solid"},idx:null,idxs:null,values:[]};function id(e,t){let n=e.cursor.points,l=Tt(),s=n.size(e,t);be(l,vl,s),be(l,bl,s);let o=s/-2;be(l,"marginLeft",o),be(l,"marginTop",o);let r=n.width(e,t,s);return r&&be(l,"borderWidth",r),l}function rd(e,t){let n=e.series[t].points;return n._fill||n._stroke}function ad(e,t){let n=e.series[t].points;return n._stroke||n._fill}function cd(e,t){return e.series[t].points.size}const Ys=[0,0];function ud(e,t,n){return Ys[0]=t,Ys[1]=n,Ys}function Gl(e,t,n,l=!0){return s=>{s.button==0&&(!l||s.target==t)&&n(s)}}function qs(e,t,n,l=!0){return s=>{(!l||s.target==t)&&n(s)}}const fd={show:!0,x:!0,y:!0,lock:!1,move:ud,points:{one:!1,show:id,size:cd,width:0,stroke:ad,fill:rd},bind:{mousedown:Gl,mouseup:Gl,click:Gl,dblclick:Gl,mousemove:qs,mouseleave:qs,mouseenter:qs},drag:{setScale:!0,x:!0,y:!1,dist:0,uni:null,click:(e,t)=>{t.stopPropagation(),t.stopImmediatePropagation()},_x:!1,_y:!1},focus:{dist:(e,t,n,l,s)=>l-s,prox:-1,bias:0},hover:{skip:[void 0],prox:null,bias:0},left:-10,top:-10,idx:null,dataIdx:null,idxs:null,event:null},Ca={show:!0,stroke:"rgba(0,0,0,0.07)",width:2},Ho=Oe({},Ca,{filter:ha}),Ea=Oe({},Ho,{size:10}),Ma=Oe({},Ca,{show:!1}),Io='12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Noto Sans", sans-serif, "Apple Color Emoji", "Segoe UI Emoji", "Segoe UI Symbol", "Noto Color Emoji"',Aa="bold "+Io,Pa=1.5,mr={show:!0,scale:"x",stroke:Mo,space:50,gap:5,alignTo:1,size:50,labelGap:0,labelSize:30,labelFont:Aa,side:2,grid:Ho,ticks:Ea,border:Ma,font:Io,lineGap:Pa,rotate:0},dd="Value",hd="Time",_r={show:!0,scale:"x",auto:!1,sorted:1,min:he,max:-he,idxs:[]};function pd(e,t,n,l,s){return t.map(o=>o==null?"":No(o))}function $d(e,t,n,l,s,o,r){let a=[],u=pn.get(s)||0;n=r?n:pe(cs(n,s),u);for(let f=n;f<=l;f=pe(f+s,u))a.push(Object.is(f,-0)?0:f);return a}function $o(e,t,n,l,s,o,r){const a=[],u=e.scales[e.axes[t].scale].log,f=u==10?Xt:ua,p=mt(f(n));s=ll(u,p),u==10&&(s=Cn[Lt(s,Cn)]);let _=n,m=s*u;u==10&&(m=Cn[Lt(m,Cn)]);do a.push(_),_=_+s,u==10&&!pn.has(_)&&(_=pe(_,pn.get(s))),_>=m&&(s=_,m=s*u,u==10&&(m=Cn[Lt(m,Cn)]));while(_<=l);return a}function md(e,t,n,l,s,o,r){let u=e.scales[e.axes[t].scale].asinh,f=l>u?$o(e,t,it(u,n),l,s):[u],p=l>=0&&n<=0?[0]:[];return(n<-u?$o(e,t,it(u,-l),-n,s):[u]).reverse().map(m=>-m).concat(p,f)}const Da=/./,_d=/[12357]/,gd=/[125]/,gr=/1/,mo=(e,t,n,l)=>e.map((s,o)=>t==4&&s==0||o%l==0&&n.test(s.toExponential()[s<0?1:0])?s:null);function yd(e,t,n,l,s){let o=e.axes[n],r=o.scale,a=e.scales[r],u=e.valToPos,f=o._space,p=u(10,r),_=u(9,r)-p>=f?Da:u(7,r)-p>=f?_d:u(5,r)-p>=f?gd:gr;if(_==gr){let m=ze(u(1,r)-p);if(m<f)return mo(t.slice().reverse(),a.distr,_,xt(f/m)).reverse()}return mo(t,a.distr,_,1)}function vd(e,t,n,l,s){let o=e.axes[n],r=o.scale,a=o._space,u=e.valToPos,f=ze(u(1,r)-u(2,r));return f<a?mo(t.slice().reverse(),3,Da,xt(a/f)).reverse():t}function bd(e,t,n,l){return l==null?Ao:t==null?"":No(t)}const yr={show:!0,scale:"y",stroke:Mo,space:30,gap:5,alignTo:1,size:50,labelGap:0,labelSize:30,labelFont:Aa,side:3,grid:Ho,ticks:Ea,border:Ma,font:Io,lineGap:Pa,rotate:0};function wd(e,t){let n=3+(e||1)*2;return pe(n*t,3)}function kd(e,t){let{scale:n,idxs:l}=e.series[0],s=e._data[0],o=e.valToPos(s[l[0]],n,!0),r=e.valToPos(s[l[1]],n,!0),a=ze(r-o),u=e.series[t],f=a/(u.points.space*ae);return l[1]-l[0]<=f}const vr={scale:null,auto:!0,sorted:0,min:he,max:-he},La=(e,t,n,l,s)=>s,br={show:!0,auto:!0,sorted:0,gaps:La,alpha:1,facets:[Oe({},vr,{scale:"x"}),Oe({},vr,{scale:"y"})]},wr={scale:"y",auto:!0,sorted:0,show:!0,spanGaps:!1,gaps:La,alpha:1,points:{show:kd,filter:null},values:null,min:he,max:-he,idxs:[],path:null,clip:null};function Sd(e,t,n,l,s){return n/10}const Na={time:qu,auto:!0,distr:1,log:10,asinh:1,min:null,max:null,dir:1,ori:0},Td=Oe({},Na,{time:!1,ori:1}),kr={};function Oa(e,t){let n=kr[e];return n||(n={key:e,plots:[],sub(l){n.plots.push(l)},unsub(l){n.plots=n.plots.filter(s=>s!=l)},pub(l,s,o,r,a,u,f){for(let p=0;p<n.plots.length;p++)n.plots[p]!=s&&n.plots[p].pub(l,s,o,r,a,u,f)}},e!=null&&(kr[e]=n)),n}const il=1,_o=2;function Ln(e,t,n){const l=e.mode,s=e.series[t],o=l==2?e._data[t]:e._data,r=e.scales,a=e.bbox;let u=o[0],f=l==2?o[1]:o[t],p=l==2?r[s.facets[0].scale]:r[e.series[0].scale],_=l==2?r[s.facets[1].scale]:r[s.scale],m=a.left,y=a.top,S=a.width,b=a.height,T=e.valToPosH,A=e.valToPosV;return p.ori==0?n(s,u,f,p,_,T,A,m,y,S,b,ds,al,ps,Fa,Ia):n(s,u,f,p,_,A,T,y,m,b,S,hs,cl,Vo,Ha,ja)}function jo(e,t){let n=0,l=0,s=ie(e.bands,Oo);for(let o=0;o<s.length;o++){let r=s[o];r.series[0]==t?n=r.dir:r.series[1]==t&&(r.dir==1?l|=1:l|=2)}return[n,l==1?-1:l==2?1:l==3?2:0]}function xd(e,t,n,l,s){let o=e.mode,r=e.series[t],a=o==2?r.facets[1].scale:r.scale,u=e.scales[a];return s==-1?u.min:s==1?u.max:u.distr==3?u.dir==1?u.min:u.max:0}function en(e,t,n,l,s,o){return Ln(e,t,(r,a,u,f,p,_,m,y,S,b,T)=>{let A=r.pxRound;const w=f.dir*(f.ori==0?1:-1),P=f.ori==0?al:cl;let x,Y;w==1?(x=n,Y=l):(x=l,Y=n);let O=A(_(a[x],f,b,y)),F=A(m(u[x],p,T,S)),I=A(_(a[Y],f,b,y)),Z=A(m(o==1?p.max:p.min,p,T,S)),U=new Path2D(s);return P(U,I,Z),P(U,O,Z),P(U,O,F),U})}function fs(e,t,n,l,s,o){let r=null;if(e.length>0){r=new Path2D;const a=t==0?ps:Vo;let u=n;for(let _=0;_<e.length;_++){let m=e[_];if(m[1]>m[0]){let y=m[0]-u;y>0&&a(r,u,l,y,l+o),u=m[1]}}let f=n+s-u,p=10;f>0&&a(r,u,l-p/2,f,l+o+p)}return r}function Cd(e,t,n){let l=e[e.length-1];l&&l[0]==t?l[1]=n:e.push([t,n])}function Wo(e,t,n,l,s,o,r){let a=[],u=e.length;for(let f=s==1?n:l;f>=n&&f<=l;f+=s)if(t[f]===null){let _=f,m=f;if(s==1)for(;++f<=l&&t[f]===null;)m=f;else for(;--f>=n&&t[f]===null;)m=f;let y=o(e[_]),S=m==_?y:o(e[m]),b=_-s;y=r<=0&&b>=0&&b<u?o(e[b]):y;let A=m+s;S=r>=0&&A>=0&&A<u?o(e[A]):S,S>=y&&a.push([y,S])}return a}function Sr(e){return e==0?da:e==1?Ve:t=>xn(t,e)}function Ra(e){let t=e==0?ds:hs,n=e==0?(s,o,r,a,u,f)=>{s.arcTo(o,r,a,u,f)}:(s,o,r,a,u,f)=>{s.arcTo(r,o,u,a,f)},l=e==0?(s,o,r,a,u)=>{s.rect(o,r,a,u)}:(s,o,r,a,u)=>{s.rect(r,o,u,a)};return(s,o,r,a,u,f=0,p=0)=>{f==0&&p==0?l(s,o,r,a,u):(f=Ot(f,a/2,u/2),p=Ot(p,a/2,u/2),t(s,o+f,r),n(s,o+a,r,o+a,r+u,f),n(s,o+a,r+u,o,r+u,p),n(s,o,r+u,o,r,p),n(s,o,r,o+a,r,f),s.closePath())}}const ds=(e,t,n)=>{e.moveTo(t,n)},hs=(e,t,n)=>{e.moveTo(n,t)},al=(e,t,n)=>{e.lineTo(t,n)},cl=(e,t,n)=>{e.lineTo(n,t)},ps=Ra(0),Vo=Ra(1),Fa=(e,t,n,l,s,o)=>{e.arc(t,n,l,s,o)},Ha=(e,t,n,l,s,o)=>{e.arc(n,t,l,s,o)},Ia=(e,t,n,l,s,o,r)=>{e.bezierCurveTo(t,n,l,s,o,r)},ja=(e,t,n,l,s,o,r)=>{e.bezierCurveTo(n,t,s,l,r,o)};function Wa(e){return(t,n,l,s,o)=>Ln(t,n,(r,a,u,f,p,_,m,y,S,b,T)=>{let{pxRound:A,points:w}=r,P,x;f.ori==0?(P=ds,x=Fa):(P=hs,x=Ha);const Y=pe(w.width*ae,3);let O=(w.size-w.width)/2*ae,F=pe(O*2,3),I=new Path2D,Z=new Path2D,{left:U,top:M,width:G,height:L}=t.bbox;ps(Z,U-F,M-F,G+F*2,L+F*2);const q=z=>{if(u[z]!=null){let ne=A(_(a[z],f,b,y)),V=A(m(u[z],p,T,S));P(I,ne+O,V),x(I,ne,V,O,0,Kl*2)}};if(o)o.forEach(q);else for(let z=l;z<=s;z++)q(z);return{stroke:Y>0?I:null,fill:I,clip:Z,flags:il|_o}})}function Va(e){return(t,n,l,s,o,r)=>{l!=s&&(o!=l&&r!=l&&e(t,n,l),o!=s&&r!=s&&e(t,n,s),e(t,n,r))}}const Ed=Va(al),Md=Va(cl);function za(e){const t=ie(e?.alignGaps,0);return(n,l,s,o)=>Ln(n,l,(r,a,u,f,p,_,m,y,S,b,T)=>{[s,o]=rs(u,s,o);let A=r.pxRound,w=L=>A(_(L,f,b,y)),P=L=>A(m(L,p,T,S)),x,Y;f.ori==0?(x=al,Y=Ed):(x=cl,Y=Md);const O=f.dir*(f.ori==0?1:-1),F={stroke:new Path2D,fill:null,clip:null,band:null,gaps:null,flags:il},I=F.stroke;let Z=!1;if(o-s>=b*4){let L=j=>n.posToVal(j,f.key,!0),q=null,z=null,ne,V,rt,ke=w(a[O==1?s:o]),se=w(a[s]),fe=w(a[o]),X=L(O==1?se+1:fe-1);for(let j=O==1?s:o;j>=s&&j<=o;j+=O){let je=a[j],Se=(O==1?je<X:je>X)?ke:w(je),ce=u[j];Se==ke?ce!=null?(V=ce,q==null?(x(I,Se,P(V)),ne=q=z=V):V<q?q=V:V>z&&(z=V)):ce===null&&(Z=!0):(q!=null&&Y(I,ke,P(q),P(z),P(ne),P(V)),ce!=null?(V=ce,x(I,Se,P(V)),q=z=ne=V):(q=z=null,ce===null&&(Z=!0)),ke=Se,X=L(ke+O))}q!=null&&q!=z&&rt!=ke&&Y(I,ke,P(q),P(z),P(ne),P(V))}else for(let L=O==1?s:o;L>=s&&L<=o;L+=O){let q=u[L];q===null?Z=!0:q!=null&&x(I,w(a[L]),P(q))}let[M,G]=jo(n,l);if(r.fill!=null||M!=0){let L=F.fill=new Path2D(I),q=r.fillTo(n,l,r.min,r.max,M),z=P(q),ne=w(a[s]),V=w(a[o]);O==-1&&([V,ne]=[ne,V]),x(L,V,z),x(L,ne,z)}if(!r.spanGaps){let L=[];Z&&L.push(...Wo(a,u,s,o,O,w,t)),F.gaps=L=r.gaps(n,l,s,o,L),F.clip=fs(L,f.ori,y,S,b,T)}return G!=0&&(F.band=G==2?[en(n,l,s,o,I,-1),en(n,l,s,o,I,1)]:en(n,l,s,o,I,G)),F})}function Ad(e){const t=ie(e.align,1),n=ie(e.ascDesc,!1),l=ie(e.alignGaps,0),s=ie(e.extend,!1);return(o,r,a,u)=>Ln(o,r,(f,p,_,m,y,S,b,T,A,w,P)=>{[a,u]=rs(_,a,u);let x=f.pxRound,{left:Y,width:O}=o.bbox,F=se=>x(S(se,m,w,T)),I=se=>x(b(se,y,P,A)),Z=m.ori==0?al:cl;const U={stroke:new Path2D,fill:null,clip:null,band:null,gaps:null,flags:il},M=U.stroke,G=m.dir*(m.ori==0?1:-1);let L=I(_[G==1?a:u]),q=F(p[G==1?a:u]),z=q,ne=q;s&&t==-1&&(ne=Y,Z(M,ne,L)),Z(M,q,L);for(let se=G==1?a:u;se>=a&&se<=u;se+=G){let fe=_[se];if(fe==null)continue;let X=F(p[se]),j=I(fe);t==1?Z(M,X,L):Z(M,z,j),Z(M,X,j),L=j,z=X}let V=z;s&&t==1&&(V=Y+O,Z(M,V,L));let[rt,ke]=jo(o,r);if(f.fill!=null||rt!=0){let se=U.fill=new Path2D(M),fe=f.fillTo(o,r,f.min,f.max,rt),X=I(fe);Z(se,V,X),Z(se,ne,X)}if(!f.spanGaps){let se=[];se.push(...Wo(p,_,a,u,G,F,l));let fe=f.width*ae/2,X=n||t==1?fe:-fe,j=n||t==-1?-fe:fe;se.forEach(je=>{je[0]+=X,je[1]+=j}),U.gaps=se=f.gaps(o,r,a,u,se),U.clip=fs(se,m.ori,T,A,w,P)}return ke!=0&&(U.band=ke==2?[en(o,r,a,u,M,-1),en(o,r,a,u,M,1)]:en(o,r,a,u,M,ke)),U})}function Tr(e,t,n,l,s,o,r=he){if(e.length>1){let a=null;for(let u=0,f=1/0;u<e.length;u++)if(t[u]!==void 0){if(a!=null){let p=ze(e[u]-e[a]);p<f&&(f=p,r=ze(n(e[u],l,s,o)-n(e[a],l,s,o)))}a=u}}return r}function Pd(e){e=e||xl;const t=ie(e.size,[.6,he,1]),n=e.align||0,l=e.gap||0;let s=e.radius;s=s==null?[0,0]:typeof s=="number"?[s,0]:s;const o=te(s),r=1-t[0],a=ie(t[1],he),u=ie(t[2],1),f=ie(e.disp,xl),p=ie(e.each,y=>{}),{fill:_,stroke:m}=f;return(y,S,b,T)=>Ln(y,S,(A,w,P,x,Y,O,F,I,Z,U,M)=>{let G=A.pxRound,L=n,q=l*ae,z=a*ae,ne=u*ae,V,rt;x.ori==0?[V,rt]=o(y,S):[rt,V]=o(y,S);const ke=x.dir*(x.ori==0?1:-1);let se=x.ori==0?ps:Vo,fe=x.ori==0?p:(R,me,We,Fn,gn,Ht,yn)=>{p(R,me,We,gn,Fn,yn,Ht)},X=ie(y.bands,Oo).find(R=>R.series[0]==S),j=X!=null?X.dir:0,je=A.fillTo(y,S,A.min,A.max,j),tt=G(F(je,Y,M,Z)),Se,ce,Ct,ut=U,Ce=G(A.width*ae),Ft=!1,Kt=null,yt=null,ln=null,Nn=null;_!=null&&(Ce==0||m!=null)&&(Ft=!0,Kt=_.values(y,S,b,T),yt=new Map,new Set(Kt).forEach(R=>{R!=null&&yt.set(R,new Path2D)}),Ce>0&&(ln=m.values(y,S,b,T),Nn=new Map,new Set(ln).forEach(R=>{R!=null&&Nn.set(R,new Path2D)})));let{x0:On,size:ul}=f;if(On!=null&&ul!=null){L=1,w=On.values(y,S,b,T),On.unit==2&&(w=w.map(We=>y.posToVal(I+We*U,x.key,!0)));let R=ul.values(y,S,b,T);ul.unit==2?ce=R[0]*U:ce=O(R[0],x,U,I)-O(0,x,U,I),ut=Tr(w,P,O,x,U,I,ut),Ct=ut-ce+q}else ut=Tr(w,P,O,x,U,I,ut),Ct=ut*r+q,ce=ut-Ct;Ct<1&&(Ct=0),Ce>=ce/2&&(Ce=0),Ct<5&&(G=da);let Al=Ct>0,mn=ut-Ct-(Al?Ce:0);ce=G(po(mn,ne,z)),Se=(L==0?ce/2:L==ke?0:ce)-L*ke*((L==0?q/2:0)+(Al?Ce/2:0));const nt={stroke:null,fill:null,clip:null,band:null,gaps:null,flags:0},Rn=Ft?null:new Path2D;let Jt=null;if(X!=null)Jt=y.data[X.series[1]];else{let{y0:R,y1:me}=f;R!=null&&me!=null&&(P=me.values(y,S,b,T),Jt=R.values(y,S,b,T))}let _n=V*ce,Q=rt*ce;for(let R=ke==1?b:T;R>=b&&R<=T;R+=ke){let me=P[R];if(me==null)continue;if(Jt!=null){let at=Jt[R]??0;if(me-at==0)continue;tt=F(at,Y,M,Z)}let We=x.distr!=2||f!=null?w[R]:R,Fn=O(We,x,U,I),gn=F(ie(me,je),Y,M,Z),Ht=G(Fn-Se),yn=G(it(gn,tt)),ft=G(Ot(gn,tt)),vt=yn-ft;if(me!=null){let at=me<0?Q:_n,Et=me<0?_n:Q;Ft?(Ce>0&&ln[R]!=null&&se(Nn.get(ln[R]),Ht,ft+mt(Ce/2),ce,it(0,vt-Ce),at,Et),Kt[R]!=null&&se(yt.get(Kt[R]),Ht,ft+mt(Ce/2),ce,it(0,vt-Ce),at,Et)):se(Rn,Ht,ft+mt(Ce/2),ce,it(0,vt-Ce),at,Et),fe(y,S,R,Ht-Ce/2,ft,ce+Ce,vt)}}return Ce>0?nt.stroke=Ft?Nn:Rn:Ft||(nt._fill=A.width==0?A._fill:A._stroke??A._fill,nt.width=0),nt.fill=Ft?yt:Rn,nt})}function Dd(e,t){const n=ie(t?.alignGaps,0);return(l,s,o,r)=>Ln(l,s,(a,u,f,p,_,m,y,S,b,T,A)=>{[o,r]=rs(f,o,r);let w=a.pxRound,P=V=>w(m(V,p,T,S)),x=V=>w(y(V,_,A,b)),Y,O,F;p.ori==0?(Y=ds,F=al,O=Ia):(Y=hs,F=cl,O=ja);const I=p.dir*(p.ori==0?1:-1);let Z=P(u[I==1?o:r]),U=Z,M=[],G=[];for(let V=I==1?o:r;V>=o&&V<=r;V+=I)if(f[V]!=null){let ke=u[V],se=P(ke);M.push(U=se),G.push(x(f[V]))}const L={stroke:e(M,G,Y,F,O,w),fill:null,clip:null,band:null,gaps:null,flags:il},q=L.stroke;let[z,ne]=jo(l,s);if(a.fill!=null||z!=0){let V=L.fill=new Path2D(q),rt=a.fillTo(l,s,a.min,a.max,z),ke=x(rt);F(V,U,ke),F(V,Z,ke)}if(!a.spanGaps){let V=[];V.push(...Wo(u,f,o,r,I,P,n)),L.gaps=V=a.gaps(l,s,o,r,V),L.clip=fs(V,p.ori,S,b,T,A)}return ne!=0&&(L.band=ne==2?[en(l,s,o,r,q,-1),en(l,s,o,r,q,1)]:en(l,s,o,r,q,ne)),L})}function Ld(e){return Dd(Nd,e)}function Nd(e,t,n,l,s,o){const r=e.length;if(r<2)return null;const a=new Path2D;if(n(a,e[0],t[0]),r==2)l(a,e[1],t[1]);else{let u=Array(r),f=Array(r-1),p=Array(r-1),_=Array(r-1);for(let m=0;m<r-1;m++)p[m]=t[m+1]-t[m],_[m]=e[m+1]-e[m],f[m]=p[m]/_[m];u[0]=f[0];for(let m=1;m<r-1;m++)f[m]===0||f[m-1]===0||f[m-1]>0!=f[m]>0?u[m]=0:(u[m]=3*(_[m-1]+_[m])/((2*_[m]+_[m-1])/f[m-1]+(_[m]+2*_[m-1])/f[m]),isFinite(u[m])||(u[m]=0));u[r-1]=f[r-2];for(let m=0;m<r-1;m++)s(a,e[m]+_[m]/3,t[m]+u[m]*_[m]/3,e[m+1]-_[m]/3,t[m+1]-u[m+1]*_[m]/3,e[m+1],t[m+1])}return a}const go=new Set;function xr(){for(let e of go)e.syncRect(!0)}rl&&(Pn(pf,tl,xr),Pn($f,tl,xr,!0),Pn(Xl,tl,()=>{et.pxRatio=ae}));const Od=za(),Rd=Wa();function Cr(e,t,n,l){return(l?[e[0],e[1]].concat(e.slice(2)):[e[0]].concat(e.slice(1))).map((o,r)=>yo(o,r,t,n))}function Fd(e,t){return e.map((n,l)=>l==0?{}:Oe({},t,n))}function yo(e,t,n,l){return Oe({},t==0?n:l,e)}function Ua(e,t,n){return t==null?sl:[t,n]}const Hd=Ua;function Id(e,t,n){return t==null?sl:es(t,n,Lo,!0)}function Ga(e,t,n,l){return t==null?sl:as(t,n,e.scales[l].log,!1)}const jd=Ga;function Ba(e,t,n,l){return t==null?sl:Do(t,n,e.scales[l].log,!1)}const Wd=Ba;function Vd(e,t,n,l,s){let o=it(or(e),or(t)),r=t-e,a=Lt(s/l*r,n);do{let u=n[a],f=l*u/r;if(f>=s&&o+(u<5?pn.get(u):0)<=17)return[u,f]}while(++a<n.length);return[0,0]}function Er(e){let t,n;return e=e.replace(/(\d+)px/,(l,s)=>(t=Ve((n=+s)*ae))+"px"),[e,t,n]}function zd(e){e.show&&[e.font,e.labelFont].forEach(t=>{let n=pe(t[2]*ae,1);t[0]=t[0].replace(/[0-9.]+px/,n+"px"),t[1]=n})}function et(e,t,n){const l={mode:ie(e.mode,1)},s=l.mode;function o(i,c,h,$){let g=c.valToPct(i);return $+h*(c.dir==-1?1-g:g)}function r(i,c,h,$){let g=c.valToPct(i);return $+h*(c.dir==-1?g:1-g)}function a(i,c,h,$){return c.ori==0?o(i,c,h,$):r(i,c,h,$)}l.valToPosH=o,l.valToPosV=r;let u=!1;l.status=0;const f=l.root=Tt(Ku);if(e.id!=null&&(f.id=e.id),$t(f,e.class),e.title){let i=Tt(Qu,f);i.textContent=e.title}const p=Dt("canvas"),_=l.ctx=p.getContext("2d"),m=Tt(Xu,f);Pn("click",m,i=>{i.target===S&&(ge!=qn||Te!=Kn)&&Qe.click(l,i)},!0);const y=l.under=Tt(ef,m);m.appendChild(p);const S=l.over=Tt(tf,m);e=ol(e);const b=+ie(e.pxAlign,1),T=Sr(b);(e.plugins||[]).forEach(i=>{i.opts&&(e=i.opts(l,e)||e)});const A=e.ms||.001,w=l.series=s==1?Cr(e.series||[],_r,wr,!1):Fd(e.series||[null],br),P=l.axes=Cr(e.axes||[],mr,yr,!0),x=l.scales={},Y=l.bands=e.bands||[];Y.forEach(i=>{i.fill=te(i.fill||null),i.dir=ie(i.dir,-1)});const O=s==2?w[1].facets[0].scale:w[0].scale,F={axes:$c,series:uc},I=(e.drawOrder||["axes","series"]).map(i=>F[i]);function Z(i){const c=i.distr==3?h=>Xt(h>0?h:i.clamp(l,h,i.min,i.max,i.key)):i.distr==4?h=>Gs(h,i.asinh):i.distr==100?h=>i.fwd(h):h=>h;return h=>{let $=c(h),{_min:g,_max:v}=i,k=v-g;return($-g)/k}}function U(i){let c=x[i];if(c==null){let h=(e.scales||xl)[i]||xl;if(h.from!=null){U(h.from);let $=Oe({},x[h.from],h,{key:i});$.valToPct=Z($),x[i]=$}else{c=x[i]=Oe({},i==O?Na:Td,h),c.key=i;let $=c.time,g=c.range,v=fn(g);if((i!=O||s==2&&!$)&&(v&&(g[0]==null||g[1]==null)&&(g={min:g[0]==null?nr:{mode:1,hard:g[0],soft:g[0]},max:g[1]==null?nr:{mode:1,hard:g[1],soft:g[1]}},v=!1),!v&&us(g))){let k=g;g=(C,E,D)=>E==null?sl:es(E,D,k)}c.range=te(g||($?Hd:i==O?c.distr==3?jd:c.distr==4?Wd:Ua:c.distr==3?Ga:c.distr==4?Ba:Id)),c.auto=te(v?!1:c.auto),c.clamp=te(c.clamp||Sd),c._min=c._max=null,c.valToPct=Z(c)}}}U("x"),U("y"),s==1&&w.forEach(i=>{U(i.scale)}),P.forEach(i=>{U(i.scale)});for(let i in e.scales)U(i);const M=x[O],G=M.distr;let L,q;M.ori==0?($t(f,Ju),L=o,q=r):($t(f,Zu),L=r,q=o);const z={};for(let i in x){let c=x[i];(c.min!=null||c.max!=null)&&(z[i]={min:c.min,max:c.max},c.min=c.max=null)}const ne=e.tzDate||(i=>new Date(Ve(i/A))),V=e.fmtDate||Ro,rt=A==1?Zf(ne):ed(ne),ke=hr(ne,dr(A==1?Jf:Xf,V)),se=$r(ne,pr(nd,V)),fe=[],X=l.legend=Oe({},od,e.legend),j=l.cursor=Oe({},fd,{drag:{y:s==2}},e.cursor),je=X.show,tt=j.show,Se=X.markers;X.idxs=fe,Se.width=te(Se.width),Se.dash=te(Se.dash),Se.stroke=te(Se.stroke),Se.fill=te(Se.fill);let ce,Ct,ut,Ce=[],Ft=[],Kt,yt=!1,ln={};if(X.live){const i=w[1]?w[1].values:null;yt=i!=null,Kt=yt?i(l,1,0):{_:0};for(let c in Kt)ln[c]=Ao}if(je)if(ce=Dt("table",af,f),ut=Dt("tbody",null,ce),X.mount(l,ce),yt){Ct=Dt("thead",null,ce,ut);let i=Dt("tr",null,Ct);Dt("th",null,i);for(var Nn in Kt)Dt("th",zi,i).textContent=Nn}else $t(ce,uf),X.live&&$t(ce,cf);const On={show:!0},ul={show:!1};function Al(i,c){if(c==0&&(yt||!X.live||s==2))return sl;let h=[],$=Dt("tr",ff,ut,ut.childNodes[c]);$t($,i.class),i.show||$t($,En);let g=Dt("th",null,$);if(Se.show){let C=Tt(df,g);if(c>0){let E=Se.width(l,c);E&&(C.style.border=E+"px "+Se.dash(l,c)+" "+Se.stroke(l,c)),C.style.background=Se.fill(l,c)}}let v=Tt(zi,g);i.label instanceof HTMLElement?v.appendChild(i.label):v.textContent=i.label,c>0&&(Se.show||(v.style.color=i.width>0?Se.stroke(l,c):Se.fill(l,c)),nt("click",g,C=>{if(j._lock)return;bn(C);let E=w.indexOf(i);if((C.ctrlKey||C.metaKey)!=X.isolate){let D=w.some((N,H)=>H>0&&H!=E&&N.show);w.forEach((N,H)=>{H>0&&jt(H,D?H==E?On:ul:On,!0,Ne.setSeries)})}else jt(E,{show:!i.show},!0,Ne.setSeries)},!1),In&&nt(Yi,g,C=>{j._lock||(bn(C),jt(w.indexOf(i),Zn,!0,Ne.setSeries))},!1));for(var k in Kt){let C=Dt("td",hf,$);C.textContent="--",h.push(C)}return[$,h]}const mn=new Map;function nt(i,c,h,$=!0){const g=mn.get(c)||{},v=j.bind[i](l,c,h,$);v&&(Pn(i,c,g[i]=v),mn.set(c,g))}function Rn(i,c,h){const $=mn.get(c)||{};for(let g in $)(i==null||g==i)&&(ho(g,c,$[g]),delete $[g]);i==null&&mn.delete(c)}let Jt=0,_n=0,Q=0,R=0,me=0,We=0,Fn=me,gn=We,Ht=Q,yn=R,ft=0,vt=0,at=0,Et=0;l.bbox={};let ms=!1,Pl=!1,Hn=!1,vn=!1,Dl=!1,bt=!1;function _s(i,c,h){(h||i!=l.width||c!=l.height)&&Uo(i,c),Un(!1),Hn=!0,Pl=!0,Gn()}function Uo(i,c){l.width=Jt=Q=i,l.height=_n=R=c,me=We=0,lc(),sc();let h=l.bbox;ft=h.left=xn(me*ae,.5),vt=h.top=xn(We*ae,.5),at=h.width=xn(Q*ae,.5),Et=h.height=xn(R*ae,.5)}const ec=3;function tc(){let i=!1,c=0;for(;!i;){c++;let h=hc(c),$=pc(c);i=c==ec||h&&$,i||(Uo(l.width,l.height),Pl=!0)}}function nc({width:i,height:c}){_s(i,c)}l.setSize=nc;function lc(){let i=!1,c=!1,h=!1,$=!1;P.forEach((g,v)=>{if(g.show&&g._show){let{side:k,_size:C}=g,E=k%2,D=g.label!=null?g.labelSize:0,N=C+D;N>0&&(E?(Q-=N,k==3?(me+=N,$=!0):h=!0):(R-=N,k==0?(We+=N,i=!0):c=!0))}}),wn[0]=i,wn[1]=h,wn[2]=c,wn[3]=$,Q-=sn[1]+sn[3],me+=sn[3],R-=sn[2]+sn[0],We+=sn[0]}function sc(){let i=me+Q,c=We+R,h=me,$=We;function g(v,k){switch(v){case 1:return i+=k,i-k;case 2:return c+=k,c-k;case 3:return h-=k,h+k;case 0:return $-=k,$+k}}P.forEach((v,k)=>{if(v.show&&v._show){let C=v.side;v._pos=g(C,v._size),v.label!=null&&(v._lpos=g(C,v.labelSize))}})}if(j.dataIdx==null){let i=j.hover,c=i.skip=new Set(i.skip??[]);c.add(void 0);let h=i.prox=te(i.prox),$=i.bias??=0;j.dataIdx=(g,v,k,C)=>{if(v==0)return k;let E=k,D=h(g,v,k,C)??he,N=D>=0&&D<he,H=M.ori==0?Q:R,K=j.left,re=t[0],oe=t[v];if(c.has(oe[k])){E=null;let ee=null,B=null,W;if($==0||$==-1)for(W=k;ee==null&&W-- >0;)c.has(oe[W])||(ee=W);if($==0||$==1)for(W=k;B==null&&W++<oe.length;)c.has(oe[W])||(B=W);if(ee!=null||B!=null)if(N){let ve=ee==null?-1/0:L(re[ee],M,H,0),Ee=B==null?1/0:L(re[B],M,H,0),Je=K-ve,de=Ee-K;Je<=de?Je<=D&&(E=ee):de<=D&&(E=B)}else E=B==null?ee:ee==null?B:k-ee<=B-k?ee:B}else N&&ze(K-L(re[k],M,H,0))>D&&(E=null);return E}}const bn=i=>{j.event=i};j.idxs=fe,j._lock=!1;let Xe=j.points;Xe.show=te(Xe.show),Xe.size=te(Xe.size),Xe.stroke=te(Xe.stroke),Xe.width=te(Xe.width),Xe.fill=te(Xe.fill);const It=l.focus=Oe({},e.focus||{alpha:.3},j.focus),In=It.prox>=0,jn=In&&Xe.one;let wt=[],Wn=[],Vn=[];function Go(i,c){let h=Xe.show(l,c);if(h instanceof HTMLElement)return $t(h,rf),$t(h,i.class),Ut(h,-10,-10,Q,R),S.insertBefore(h,wt[c]),h}function Bo(i,c){if(s==1||c>0){let h=s==1&&x[i.scale].time,$=i.value;i.value=h?ar($)?$r(ne,pr($,V)):$||se:$||bd,i.label=i.label||(h?hd:dd)}if(jn||c>0){i.width=i.width==null?1:i.width,i.paths=i.paths||Od||Tf,i.fillTo=te(i.fillTo||xd),i.pxAlign=+ie(i.pxAlign,b),i.pxRound=Sr(i.pxAlign),i.stroke=te(i.stroke||null),i.fill=te(i.fill||null),i._stroke=i._fill=i._paths=i._focus=null;let h=wd(it(1,i.width),1),$=i.points=Oe({},{size:h,width:it(1,h*.2),stroke:i.stroke,space:h*2,paths:Rd,_stroke:null,_fill:null},i.points);$.show=te($.show),$.filter=te($.filter),$.fill=te($.fill),$.stroke=te($.stroke),$.paths=te($.paths),$.pxAlign=i.pxAlign}if(je){let h=Al(i,c);Ce.splice(c,0,h[0]),Ft.splice(c,0,h[1]),X.values.push(null)}if(tt){fe.splice(c,0,null);let h=null;jn?c==0&&(h=Go(i,c)):c>0&&(h=Go(i,c)),wt.splice(c,0,h),Wn.splice(c,0,0),Vn.splice(c,0,0)}Ke("addSeries",c)}function oc(i,c){c=c??w.length,i=s==1?yo(i,c,_r,wr):yo(i,c,{},br),w.splice(c,0,i),Bo(w[c],c)}l.addSeries=oc;function ic(i){if(w.splice(i,1),je){X.values.splice(i,1),Ft.splice(i,1);let c=Ce.splice(i,1)[0];Rn(null,c.firstChild),c.remove()}tt&&(fe.splice(i,1),wt.splice(i,1)[0].remove(),Wn.splice(i,1),Vn.splice(i,1)),Ke("delSeries",i)}l.delSeries=ic;const wn=[!1,!1,!1,!1];function rc(i,c){if(i._show=i.show,i.show){let h=i.side%2,$=x[i.scale];$==null&&(i.scale=h?w[1].scale:O,$=x[i.scale]);let g=$.time;i.size=te(i.size),i.space=te(i.space),i.rotate=te(i.rotate),fn(i.incrs)&&i.incrs.forEach(k=>{!pn.has(k)&&pn.set(k,$a(k))}),i.incrs=te(i.incrs||($.distr==2?Yf:g?A==1?Kf:Qf:Cn)),i.splits=te(i.splits||(g&&$.distr==1?rt:$.distr==3?$o:$.distr==4?md:$d)),i.stroke=te(i.stroke),i.grid.stroke=te(i.grid.stroke),i.ticks.stroke=te(i.ticks.stroke),i.border.stroke=te(i.border.stroke);let v=i.values;i.values=fn(v)&&!fn(v[0])?te(v):g?fn(v)?hr(ne,dr(v,V)):ar(v)?td(ne,v):v||ke:v||pd,i.filter=te(i.filter||($.distr>=3&&$.log==10?yd:$.distr==3&&$.log==2?vd:ha)),i.font=Er(i.font),i.labelFont=Er(i.labelFont),i._size=i.size(l,null,c,0),i._space=i._rotate=i._incrs=i._found=i._splits=i._values=null,i._size>0&&(wn[c]=!0,i._el=Tt(nf,m))}}function fl(i,c,h,$){let[g,v,k,C]=h,E=c%2,D=0;return E==0&&(C||v)&&(D=c==0&&!g||c==2&&!k?Ve(mr.size/3):0),E==1&&(g||k)&&(D=c==1&&!v||c==3&&!C?Ve(yr.size/2):0),D}const Yo=l.padding=(e.padding||[fl,fl,fl,fl]).map(i=>te(ie(i,fl))),sn=l._padding=Yo.map((i,c)=>i(l,c,wn,0));let Ze,Ge=null,Be=null;const Ll=s==1?w[0].idxs:null;let Mt=null,dl=!1;function qo(i,c){if(t=i??[],l.data=l._data=t,s==2){Ze=0;for(let h=1;h<w.length;h++)Ze+=t[h][0].length}else{t.length==0&&(l.data=l._data=t=[[]]),Mt=t[0],Ze=Mt.length;let h=t;if(G==2){h=t.slice();let $=h[0]=Array(Ze);for(let g=0;g<Ze;g++)$[g]=g}l._data=t=h}if(Un(!0),Ke("setData"),G==2&&(Hn=!0),c!==!1){let h=M;h.auto(l,dl)?gs():rn(O,h.min,h.max),vn=vn||j.left>=0,bt=!0,Gn()}}l.setData=qo;function gs(){dl=!0;let i,c;s==1&&(Ze>0?(Ge=Ll[0]=0,Be=Ll[1]=Ze-1,i=t[0][Ge],c=t[0][Be],G==2?(i=Ge,c=Be):i==c&&(G==3?[i,c]=as(i,i,M.log,!1):G==4?[i,c]=Do(i,i,M.log,!1):M.time?c=i+Ve(86400/A):[i,c]=es(i,c,Lo,!0))):(Ge=Ll[0]=i=null,Be=Ll[1]=c=null)),rn(O,i,c)}let Nl,zn,ys,vs,bs,ws,ks,Ss,Ts,ct;function Ko(i,c,h,$,g,v){i??=Gi,h??=Oo,$??="butt",g??=Gi,v??="round",i!=Nl&&(_.strokeStyle=Nl=i),g!=zn&&(_.fillStyle=zn=g),c!=ys&&(_.lineWidth=ys=c),v!=bs&&(_.lineJoin=bs=v),$!=ws&&(_.lineCap=ws=$),h!=vs&&_.setLineDash(vs=h)}function Jo(i,c,h,$){c!=zn&&(_.fillStyle=zn=c),i!=ks&&(_.font=ks=i),h!=Ss&&(_.textAlign=Ss=h),$!=Ts&&(_.textBaseline=Ts=$)}function xs(i,c,h,$,g=0){if($.length>0&&i.auto(l,dl)&&(c==null||c.min==null)){let v=ie(Ge,0),k=ie(Be,$.length-1),C=h.min==null?yf($,v,k,g,i.distr==3):[h.min,h.max];i.min=Ot(i.min,h.min=C[0]),i.max=it(i.max,h.max=C[1])}}const Zo={min:null,max:null};function ac(){for(let $ in x){let g=x[$];z[$]==null&&(g.min==null||z[O]!=null&&g.auto(l,dl))&&(z[$]=Zo)}for(let $ in x){let g=x[$];z[$]==null&&g.from!=null&&z[g.from]!=null&&(z[$]=Zo)}z[O]!=null&&Un(!0);let i={};for(let $ in z){let g=z[$];if(g!=null){let v=i[$]=ol(x[$],Ef);if(g.min!=null)Oe(v,g);else if($!=O||s==2)if(Ze==0&&v.from==null){let k=v.range(l,null,null,$);v.min=k[0],v.max=k[1]}else v.min=he,v.max=-he}}if(Ze>0){w.forEach(($,g)=>{if(s==1){let v=$.scale,k=z[v];if(k==null)return;let C=i[v];if(g==0){let E=C.range(l,C.min,C.max,v);C.min=E[0],C.max=E[1],Ge=Lt(C.min,t[0]),Be=Lt(C.max,t[0]),Be-Ge>1&&(t[0][Ge]<C.min&&Ge++,t[0][Be]>C.max&&Be--),$.min=Mt[Ge],$.max=Mt[Be]}else $.show&&$.auto&&xs(C,k,$,t[g],$.sorted);$.idxs[0]=Ge,$.idxs[1]=Be}else if(g>0&&$.show&&$.auto){let[v,k]=$.facets,C=v.scale,E=k.scale,[D,N]=t[g],H=i[C],K=i[E];H!=null&&xs(H,z[C],v,D,v.sorted),K!=null&&xs(K,z[E],k,N,k.sorted),$.min=k.min,$.max=k.max}});for(let $ in i){let g=i[$],v=z[$];if(g.from==null&&(v==null||v.min==null)){let k=g.range(l,g.min==he?null:g.min,g.max==-he?null:g.max,$);g.min=k[0],g.max=k[1]}}}for(let $ in i){let g=i[$];if(g.from!=null){let v=i[g.from];if(v.min==null)g.min=g.max=null;else{let k=g.range(l,v.min,v.max,$);g.min=k[0],g.max=k[1]}}}let c={},h=!1;for(let $ in i){let g=i[$],v=x[$];if(v.min!=g.min||v.max!=g.max){v.min=g.min,v.max=g.max;let k=v.distr;v._min=k==3?Xt(v.min):k==4?Gs(v.min,v.asinh):k==100?v.fwd(v.min):v.min,v._max=k==3?Xt(v.max):k==4?Gs(v.max,v.asinh):k==100?v.fwd(v.max):v.max,c[$]=h=!0}}if(h){w.forEach(($,g)=>{s==2?g>0&&c.y&&($._paths=null):c[$.scale]&&($._paths=null)});for(let $ in c)Hn=!0,Ke("setScale",$);tt&&j.left>=0&&(vn=bt=!0)}for(let $ in z)z[$]=null}function cc(i){let c=po(Ge-1,0,Ze-1),h=po(Be+1,0,Ze-1);for(;i[c]==null&&c>0;)c--;for(;i[h]==null&&h<Ze-1;)h++;return[c,h]}function uc(){if(Ze>0){let i=w.some(c=>c._focus)&&ct!=It.alpha;i&&(_.globalAlpha=ct=It.alpha),w.forEach((c,h)=>{if(h>0&&c.show&&(Qo(h,!1),Qo(h,!0),c._paths==null)){let $=ct;ct!=c.alpha&&(_.globalAlpha=ct=c.alpha);let g=s==2?[0,t[h][0].length-1]:cc(t[h]);c._paths=c.paths(l,h,g[0],g[1]),ct!=$&&(_.globalAlpha=ct=$)}}),w.forEach((c,h)=>{if(h>0&&c.show){let $=ct;ct!=c.alpha&&(_.globalAlpha=ct=c.alpha),c._paths!=null&&Xo(h,!1);{let g=c._paths!=null?c._paths.gaps:null,v=c.points.show(l,h,Ge,Be,g),k=c.points.filter(l,h,v,g);(v||k)&&(c.points._paths=c.points.paths(l,h,Ge,Be,k),Xo(h,!0))}ct!=$&&(_.globalAlpha=ct=$),Ke("drawSeries",h)}}),i&&(_.globalAlpha=ct=1)}}function Qo(i,c){let h=c?w[i].points:w[i];h._stroke=h.stroke(l,i),h._fill=h.fill(l,i)}function Xo(i,c){let h=c?w[i].points:w[i],{stroke:$,fill:g,clip:v,flags:k,_stroke:C=h._stroke,_fill:E=h._fill,_width:D=h.width}=h._paths;D=pe(D*ae,3);let N=null,H=D%2/2;c&&E==null&&(E=D>0?"#fff":C);let K=h.pxAlign==1&&H>0;if(K&&_.translate(H,H),!c){let re=ft-D/2,oe=vt-D/2,ee=at+D,B=Et+D;N=new Path2D,N.rect(re,oe,ee,B)}c?Cs(C,D,h.dash,h.cap,E,$,g,k,v):fc(i,C,D,h.dash,h.cap,E,$,g,k,N,v),K&&_.translate(-H,-H)}function fc(i,c,h,$,g,v,k,C,E,D,N){let H=!1;E!=0&&Y.forEach((K,re)=>{if(K.series[0]==i){let oe=w[K.series[1]],ee=t[K.series[1]],B=(oe._paths||xl).band;fn(B)&&(B=K.dir==1?B[0]:B[1]);let W,ve=null;oe.show&&B&&bf(ee,Ge,Be)?(ve=K.fill(l,re)||v,W=oe._paths.clip):B=null,Cs(c,h,$,g,ve,k,C,E,D,N,W,B),H=!0}}),H||Cs(c,h,$,g,v,k,C,E,D,N)}const ei=il|_o;function Cs(i,c,h,$,g,v,k,C,E,D,N,H){Ko(i,c,h,$,g),(E||D||H)&&(_.save(),E&&_.clip(E),D&&_.clip(D)),H?(C&ei)==ei?(_.clip(H),N&&_.clip(N),Rl(g,k),Ol(i,v,c)):C&_o?(Rl(g,k),_.clip(H),Ol(i,v,c)):C&il&&(_.save(),_.clip(H),N&&_.clip(N),Rl(g,k),_.restore(),Ol(i,v,c)):(Rl(g,k),Ol(i,v,c)),(E||D||H)&&_.restore()}function Ol(i,c,h){h>0&&(c instanceof Map?c.forEach(($,g)=>{_.strokeStyle=Nl=g,_.stroke($)}):c!=null&&i&&_.stroke(c))}function Rl(i,c){c instanceof Map?c.forEach((h,$)=>{_.fillStyle=zn=$,_.fill(h)}):c!=null&&i&&_.fill(c)}function dc(i,c,h,$){let g=P[i],v;if($<=0)v=[0,0];else{let k=g._space=g.space(l,i,c,h,$),C=g._incrs=g.incrs(l,i,c,h,$,k);v=Vd(c,h,C,$,k)}return g._found=v}function Es(i,c,h,$,g,v,k,C,E,D){let N=k%2/2;b==1&&_.translate(N,N),Ko(C,k,E,D,C),_.beginPath();let H,K,re,oe,ee=g+($==0||$==3?-v:v);h==0?(K=g,oe=ee):(H=g,re=ee);for(let B=0;B<i.length;B++)c[B]!=null&&(h==0?H=re=i[B]:K=oe=i[B],_.moveTo(H,K),_.lineTo(re,oe));_.stroke(),b==1&&_.translate(-N,-N)}function hc(i){let c=!0;return P.forEach((h,$)=>{if(!h.show)return;let g=x[h.scale];if(g.min==null){h._show&&(c=!1,h._show=!1,Un(!1));return}else h._show||(c=!1,h._show=!0,Un(!1));let v=h.side,k=v%2,{min:C,max:E}=g,[D,N]=dc($,C,E,k==0?Q:R);if(N==0)return;let H=g.distr==2,K=h._splits=h.splits(l,$,C,E,D,N,H),re=g.distr==2?K.map(W=>Mt[W]):K,oe=g.distr==2?Mt[K[1]]-Mt[K[0]]:D,ee=h._values=h.values(l,h.filter(l,re,$,N,oe),$,N,oe);h._rotate=v==2?h.rotate(l,ee,$,N):0;let B=h._size;h._size=xt(h.size(l,ee,$,i)),B!=null&&h._size!=B&&(c=!1)}),c}function pc(i){let c=!0;return Yo.forEach((h,$)=>{let g=h(l,$,wn,i);g!=sn[$]&&(c=!1),sn[$]=g}),c}function $c(){for(let i=0;i<P.length;i++){let c=P[i];if(!c.show||!c._show)continue;let h=c.side,$=h%2,g,v,k=c.stroke(l,i),C=h==0||h==3?-1:1,[E,D]=c._found;if(c.label!=null){let st=c.labelGap*C,pt=Ve((c._lpos+st)*ae);Jo(c.labelFont[0],k,"center",h==2?gl:Ui),_.save(),$==1?(g=v=0,_.translate(pt,Ve(vt+Et/2)),_.rotate((h==3?-Kl:Kl)/2)):(g=Ve(ft+at/2),v=pt);let Tn=fa(c.label)?c.label(l,i,E,D):c.label;_.fillText(Tn,g,v),_.restore()}if(D==0)continue;let N=x[c.scale],H=$==0?at:Et,K=$==0?ft:vt,re=c._splits,oe=N.distr==2?re.map(st=>Mt[st]):re,ee=N.distr==2?Mt[re[1]]-Mt[re[0]]:E,B=c.ticks,W=c.border,ve=B.show?B.size:0,Ee=Ve(ve*ae),Je=Ve((c.alignTo==2?c._size-ve-c.gap:c.gap)*ae),de=c._rotate*-Kl/180,Me=T(c._pos*ae),dt=(Ee+Je)*C,lt=Me+dt;v=$==0?lt:0,g=$==1?lt:0;let kt=c.font[0],At=c.align==1?Xn:c.align==2?Vs:de>0?Xn:de<0?Vs:$==0?"center":h==3?Vs:Xn,Vt=de||$==1?"middle":h==2?gl:Ui;Jo(kt,k,At,Vt);let ht=c.font[1]*c.lineGap,St=re.map(st=>T(a(st,N,H,K))),Pt=c._values;for(let st=0;st<Pt.length;st++){let pt=Pt[st];if(pt!=null){$==0?g=St[st]:v=St[st],pt=""+pt;let Tn=pt.indexOf(`
`)==-1?[pt]:pt.split(/\n/gm);for(let ot=0;ot<Tn.length;ot++){let yi=Tn[ot];de?(_.save(),_.translate(g,v+ot*ht),_.rotate(de),_.fillText(yi,0,0),_.restore()):_.fillText(yi,g,v+ot*ht)}}}B.show&&Es(St,B.filter(l,oe,i,D,ee),$,h,Me,Ee,pe(B.width*ae,3),B.stroke(l,i),B.dash,B.cap);let zt=c.grid;zt.show&&Es(St,zt.filter(l,oe,i,D,ee),$,$==0?2:1,$==0?vt:ft,$==0?Et:at,pe(zt.width*ae,3),zt.stroke(l,i),zt.dash,zt.cap),W.show&&Es([Me],[1],$==0?1:0,$==0?1:2,$==1?vt:ft,$==1?Et:at,pe(W.width*ae,3),W.stroke(l,i),W.dash,W.cap)}Ke("drawAxes")}function Un(i){w.forEach((c,h)=>{h>0&&(c._paths=null,i&&(s==1?(c.min=null,c.max=null):c.facets.forEach($=>{$.min=null,$.max=null})))})}let Fl=!1,Ms=!1,hl=[];function mc(){Ms=!1;for(let i=0;i<hl.length;i++)Ke(...hl[i]);hl.length=0}function Gn(){Fl||(Of(ti),Fl=!0)}function _c(i,c=!1){Fl=!0,Ms=c,i(l),ti(),c&&hl.length>0&&queueMicrotask(mc)}l.batch=_c;function ti(){if(ms&&(ac(),ms=!1),Hn&&(tc(),Hn=!1),Pl){if(be(y,Xn,me),be(y,gl,We),be(y,vl,Q),be(y,bl,R),be(S,Xn,me),be(S,gl,We),be(S,vl,Q),be(S,bl,R),be(m,vl,Jt),be(m,bl,_n),p.width=Ve(Jt*ae),p.height=Ve(_n*ae),P.forEach(({_el:i,_show:c,_size:h,_pos:$,side:g})=>{if(i!=null)if(c){let v=g===3||g===0?h:0,k=g%2==1;be(i,k?"left":"top",$-v),be(i,k?"width":"height",h),be(i,k?"top":"left",k?We:me),be(i,k?"height":"width",k?R:Q),fo(i,En)}else $t(i,En)}),Nl=zn=ys=bs=ws=ks=Ss=Ts=vs=null,ct=1,ml(!0),me!=Fn||We!=gn||Q!=Ht||R!=yn){Un(!1);let i=Q/Ht,c=R/yn;if(tt&&!vn&&j.left>=0){j.left*=i,j.top*=c,Bn&&Ut(Bn,Ve(j.left),0,Q,R),Yn&&Ut(Yn,0,Ve(j.top),Q,R);for(let h=0;h<wt.length;h++){let $=wt[h];$!=null&&(Wn[h]*=i,Vn[h]*=c,Ut($,xt(Wn[h]),xt(Vn[h]),Q,R))}}if(ye.show&&!Dl&&ye.left>=0&&ye.width>0){ye.left*=i,ye.width*=i,ye.top*=c,ye.height*=c;for(let h in Os)be(Jn,h,ye[h])}Fn=me,gn=We,Ht=Q,yn=R}Ke("setSize"),Pl=!1}Jt>0&&_n>0&&(_.clearRect(0,0,p.width,p.height),Ke("drawClear"),I.forEach(i=>i()),Ke("draw")),ye.show&&Dl&&(Hl(ye),Dl=!1),tt&&vn&&(Sn(null,!0,!1),vn=!1),X.show&&X.live&&bt&&(Ls(),bt=!1),u||(u=!0,l.status=1,Ke("ready")),dl=!1,Fl=!1}l.redraw=(i,c)=>{Hn=c||!1,i!==!1?rn(O,M.min,M.max):Gn()};function As(i,c){let h=x[i];if(h.from==null){if(Ze==0){let $=h.range(l,c.min,c.max,i);c.min=$[0],c.max=$[1]}if(c.min>c.max){let $=c.min;c.min=c.max,c.max=$}if(Ze>1&&c.min!=null&&c.max!=null&&c.max-c.min<1e-16)return;i==O&&h.distr==2&&Ze>0&&(c.min=Lt(c.min,t[0]),c.max=Lt(c.max,t[0]),c.min==c.max&&c.max++),z[i]=c,ms=!0,Gn()}}l.setScale=As;let Ps,Ds,Bn,Yn,ni,li,qn,Kn,si,oi,ge,Te,on=!1;const Qe=j.drag;let Ye=Qe.x,qe=Qe.y;tt&&(j.x&&(Ps=Tt(sf,S)),j.y&&(Ds=Tt(of,S)),M.ori==0?(Bn=Ps,Yn=Ds):(Bn=Ds,Yn=Ps),ge=j.left,Te=j.top);const ye=l.select=Oe({show:!0,over:!0,left:0,width:0,top:0,height:0},e.select),Jn=ye.show?Tt(lf,ye.over?S:y):null;function Hl(i,c){if(ye.show){for(let h in i)ye[h]=i[h],h in Os&&be(Jn,h,i[h]);c!==!1&&Ke("setSelect")}}l.setSelect=Hl;function gc(i){if(w[i].show)je&&fo(Ce[i],En);else if(je&&$t(Ce[i],En),tt){let h=jn?wt[0]:wt[i];h!=null&&Ut(h,-10,-10,Q,R)}}function rn(i,c,h){As(i,{min:c,max:h})}function jt(i,c,h,$){c.focus!=null&&kc(i),c.show!=null&&w.forEach((g,v)=>{v>0&&(i==v||i==null)&&(g.show=c.show,gc(v),s==2?(rn(g.facets[0].scale,null,null),rn(g.facets[1].scale,null,null)):rn(g.scale,null,null),Gn())}),h!==!1&&Ke("setSeries",i,c),$&&_l("setSeries",l,i,c)}l.setSeries=jt;function yc(i,c){Oe(Y[i],c)}function vc(i,c){i.fill=te(i.fill||null),i.dir=ie(i.dir,-1),c=c??Y.length,Y.splice(c,0,i)}function bc(i){i==null?Y.length=0:Y.splice(i,1)}l.addBand=vc,l.setBand=yc,l.delBand=bc;function wc(i,c){w[i].alpha=c,tt&&wt[i]!=null&&(wt[i].style.opacity=c),je&&Ce[i]&&(Ce[i].style.opacity=c)}let Zt,an,kn;const Zn={focus:!0};function kc(i){if(i!=kn){let c=i==null,h=It.alpha!=1;w.forEach(($,g)=>{if(s==1||g>0){let v=c||g==0||g==i;$._focus=c?null:v,h&&wc(g,v?1:It.alpha)}}),kn=i,h&&Gn()}}je&&In&&nt(qi,ce,i=>{j._lock||(bn(i),kn!=null&&jt(null,Zn,!0,Ne.setSeries))});function Wt(i,c,h){let $=x[c];h&&(i=i/ae-($.ori==1?We:me));let g=Q;$.ori==1&&(g=R,i=g-i),$.dir==-1&&(i=g-i);let v=$._min,k=$._max,C=i/g,E=v+(k-v)*C,D=$.distr;return D==3?ll(10,E):D==4?kf(E,$.asinh):D==100?$.bwd(E):E}function Sc(i,c){let h=Wt(i,O,c);return Lt(h,t[0],Ge,Be)}l.valToIdx=i=>Lt(i,t[0]),l.posToIdx=Sc,l.posToVal=Wt,l.valToPos=(i,c,h)=>x[c].ori==0?o(i,x[c],h?at:Q,h?ft:0):r(i,x[c],h?Et:R,h?vt:0),l.setCursor=(i,c,h)=>{ge=i.left,Te=i.top,Sn(null,c,h)};function ii(i,c){be(Jn,Xn,ye.left=i),be(Jn,vl,ye.width=c)}function ri(i,c){be(Jn,gl,ye.top=i),be(Jn,bl,ye.height=c)}let pl=M.ori==0?ii:ri,$l=M.ori==1?ii:ri;function Tc(){if(je&&X.live)for(let i=s==2?1:0;i<w.length;i++){if(i==0&&yt)continue;let c=X.values[i],h=0;for(let $ in c)Ft[i][h++].firstChild.nodeValue=c[$]}}function Ls(i,c){if(i!=null&&(i.idxs?i.idxs.forEach((h,$)=>{fe[$]=h}):Cf(i.idx)||fe.fill(i.idx),X.idx=fe[0]),je&&X.live){for(let h=0;h<w.length;h++)(h>0||s==1&&!yt)&&xc(h,fe[h]);Tc()}bt=!1,c!==!1&&Ke("setLegend")}l.setLegend=Ls;function xc(i,c){let h=w[i],$=i==0&&G==2?Mt:t[i],g;yt?g=h.values(l,i,c)??ln:(g=h.value(l,c==null?null:$[c],i,c),g=g==null?ln:{_:g}),X.values[i]=g}function Sn(i,c,h){si=ge,oi=Te,[ge,Te]=j.move(l,ge,Te),j.left=ge,j.top=Te,tt&&(Bn&&Ut(Bn,Ve(ge),0,Q,R),Yn&&Ut(Yn,0,Ve(Te),Q,R));let $,g=Ge>Be;Zt=he,an=null;let v=M.ori==0?Q:R,k=M.ori==1?Q:R;if(ge<0||Ze==0||g){$=j.idx=null;for(let C=0;C<w.length;C++){let E=wt[C];E!=null&&Ut(E,-10,-10,Q,R)}In&&jt(null,Zn,!0,i==null&&Ne.setSeries),X.live&&(fe.fill($),bt=!0)}else{let C,E,D;s==1&&(C=M.ori==0?ge:Te,E=Wt(C,O),$=j.idx=Lt(E,t[0],Ge,Be),D=L(t[0][$],M,v,0));let N=-10,H=-10,K=0,re=0,oe=!0,ee="",B="";for(let W=s==2?1:0;W<w.length;W++){let ve=w[W],Ee=fe[W],Je=Ee==null?null:s==1?t[W][Ee]:t[W][1][Ee],de=j.dataIdx(l,W,$,E),Me=de==null?null:s==1?t[W][de]:t[W][1][de];if(bt=bt||Me!=Je||de!=Ee,fe[W]=de,W>0&&ve.show){let dt=de==null?-10:de==$?D:L(s==1?t[0][de]:t[W][0][de],M,v,0),lt=Me==null?-10:q(Me,s==1?x[ve.scale]:x[ve.facets[1].scale],k,0);if(In&&Me!=null){let kt=M.ori==1?ge:Te,At=ze(It.dist(l,W,de,lt,kt));if(At<Zt){let Vt=It.bias;if(Vt!=0){let ht=Wt(kt,ve.scale),St=Me>=0?1:-1,Pt=ht>=0?1:-1;Pt==St&&(Pt==1?Vt==1?Me>=ht:Me<=ht:Vt==1?Me<=ht:Me>=ht)&&(Zt=At,an=W)}else Zt=At,an=W}}if(bt||jn){let kt,At;M.ori==0?(kt=dt,At=lt):(kt=lt,At=dt);let Vt,ht,St,Pt,zt,st,pt=!0,Tn=Xe.bbox;if(Tn!=null){pt=!1;let ot=Tn(l,W);St=ot.left,Pt=ot.top,Vt=ot.width,ht=ot.height}else St=kt,Pt=At,Vt=ht=Xe.size(l,W);if(st=Xe.fill(l,W),zt=Xe.stroke(l,W),jn)W==an&&Zt<=It.prox&&(N=St,H=Pt,K=Vt,re=ht,oe=pt,ee=st,B=zt);else{let ot=wt[W];ot!=null&&(Wn[W]=St,Vn[W]=Pt,tr(ot,Vt,ht,pt),Xi(ot,st,zt),Ut(ot,xt(St),xt(Pt),Q,R))}}}}if(jn){let W=It.prox,ve=kn==null?Zt<=W:Zt>W||an!=kn;if(bt||ve){let Ee=wt[0];Ee!=null&&(Wn[0]=N,Vn[0]=H,tr(Ee,K,re,oe),Xi(Ee,ee,B),Ut(Ee,xt(N),xt(H),Q,R))}}}if(ye.show&&on)if(i!=null){let[C,E]=Ne.scales,[D,N]=Ne.match,[H,K]=i.cursor.sync.scales,re=i.cursor.drag;if(Ye=re._x,qe=re._y,Ye||qe){let{left:oe,top:ee,width:B,height:W}=i.select,ve=i.scales[H].ori,Ee=i.posToVal,Je,de,Me,dt,lt,kt=C!=null&&D(C,H),At=E!=null&&N(E,K);kt&&Ye?(ve==0?(Je=oe,de=B):(Je=ee,de=W),Me=x[C],dt=L(Ee(Je,H),Me,v,0),lt=L(Ee(Je+de,H),Me,v,0),pl(Ot(dt,lt),ze(lt-dt))):pl(0,v),At&&qe?(ve==1?(Je=oe,de=B):(Je=ee,de=W),Me=x[E],dt=q(Ee(Je,K),Me,k,0),lt=q(Ee(Je+de,K),Me,k,0),$l(Ot(dt,lt),ze(lt-dt))):$l(0,k)}else Rs()}else{let C=ze(si-ni),E=ze(oi-li);if(M.ori==1){let K=C;C=E,E=K}Ye=Qe.x&&C>=Qe.dist,qe=Qe.y&&E>=Qe.dist;let D=Qe.uni;D!=null?Ye&&qe&&(Ye=C>=D,qe=E>=D,!Ye&&!qe&&(E>C?qe=!0:Ye=!0)):Qe.x&&Qe.y&&(Ye||qe)&&(Ye=qe=!0);let N,H;Ye&&(M.ori==0?(N=qn,H=ge):(N=Kn,H=Te),pl(Ot(N,H),ze(H-N)),qe||$l(0,k)),qe&&(M.ori==1?(N=qn,H=ge):(N=Kn,H=Te),$l(Ot(N,H),ze(H-N)),Ye||pl(0,v)),!Ye&&!qe&&(pl(0,0),$l(0,0))}if(Qe._x=Ye,Qe._y=qe,i==null){if(h){if(gi!=null){let[C,E]=Ne.scales;Ne.values[0]=C!=null?Wt(M.ori==0?ge:Te,C):null,Ne.values[1]=E!=null?Wt(M.ori==1?ge:Te,E):null}_l(zs,l,ge,Te,Q,R,$)}if(In){let C=h&&Ne.setSeries,E=It.prox;kn==null?Zt<=E&&jt(an,Zn,!0,C):Zt>E?jt(null,Zn,!0,C):an!=kn&&jt(an,Zn,!0,C)}}bt&&(X.idx=$,Ls()),c!==!1&&Ke("setCursor")}let cn=null;Object.defineProperty(l,"rect",{get(){return cn==null&&ml(!1),cn}});function ml(i=!1){i?cn=null:(cn=S.getBoundingClientRect(),Ke("syncRect",cn))}function ai(i,c,h,$,g,v,k){j._lock||on&&i!=null&&i.movementX==0&&i.movementY==0||(Ns(i,c,h,$,g,v,k,!1,i!=null),i!=null?Sn(null,!0,!0):Sn(c,!0,!1))}function Ns(i,c,h,$,g,v,k,C,E){if(cn==null&&ml(!1),bn(i),i!=null)h=i.clientX-cn.left,$=i.clientY-cn.top;else{if(h<0||$<0){ge=-10,Te=-10;return}let[D,N]=Ne.scales,H=c.cursor.sync,[K,re]=H.values,[oe,ee]=H.scales,[B,W]=Ne.match,ve=c.axes[0].side%2==1,Ee=M.ori==0?Q:R,Je=M.ori==1?Q:R,de=ve?v:g,Me=ve?g:v,dt=ve?$:h,lt=ve?h:$;if(oe!=null?h=B(D,oe)?a(K,x[D],Ee,0):-10:h=Ee*(dt/de),ee!=null?$=W(N,ee)?a(re,x[N],Je,0):-10:$=Je*(lt/Me),M.ori==1){let kt=h;h=$,$=kt}}E&&(c==null||c.cursor.event.type==zs)&&((h<=1||h>=Q-1)&&(h=xn(h,Q)),($<=1||$>=R-1)&&($=xn($,R))),C?(ni=h,li=$,[qn,Kn]=j.move(l,h,$)):(ge=h,Te=$)}const Os={width:0,height:0,left:0,top:0};function Rs(){Hl(Os,!1)}let ci,ui,fi,di;function hi(i,c,h,$,g,v,k){on=!0,Ye=qe=Qe._x=Qe._y=!1,Ns(i,c,h,$,g,v,k,!0,!1),i!=null&&(nt(Us,co,pi,!1),_l(Bi,l,qn,Kn,Q,R,null));let{left:C,top:E,width:D,height:N}=ye;ci=C,ui=E,fi=D,di=N}function pi(i,c,h,$,g,v,k){on=Qe._x=Qe._y=!1,Ns(i,c,h,$,g,v,k,!1,!0);let{left:C,top:E,width:D,height:N}=ye,H=D>0||N>0,K=ci!=C||ui!=E||fi!=D||di!=N;if(H&&K&&Hl(ye),Qe.setScale&&H&&K){let re=C,oe=D,ee=E,B=N;if(M.ori==1&&(re=E,oe=N,ee=C,B=D),Ye&&rn(O,Wt(re,O),Wt(re+oe,O)),qe)for(let W in x){let ve=x[W];W!=O&&ve.from==null&&ve.min!=he&&rn(W,Wt(ee+B,W),Wt(ee,W))}Rs()}else j.lock&&(j._lock=!j._lock,Sn(c,!0,i!=null));i!=null&&(Rn(Us,co),_l(Us,l,ge,Te,Q,R,null))}function Cc(i,c,h,$,g,v,k){if(j._lock)return;bn(i);let C=on;if(on){let E=!0,D=!0,N=10,H,K;M.ori==0?(H=Ye,K=qe):(H=qe,K=Ye),H&&K&&(E=ge<=N||ge>=Q-N,D=Te<=N||Te>=R-N),H&&E&&(ge=ge<qn?0:Q),K&&D&&(Te=Te<Kn?0:R),Sn(null,!0,!0),on=!1}ge=-10,Te=-10,fe.fill(null),Sn(null,!0,!0),C&&(on=C)}function $i(i,c,h,$,g,v,k){j._lock||(bn(i),gs(),Rs(),i!=null&&_l(Ki,l,ge,Te,Q,R,null))}function mi(){P.forEach(zd),_s(l.width,l.height,!0)}Pn(Xl,tl,mi);const Qn={};Qn.mousedown=hi,Qn.mousemove=ai,Qn.mouseup=pi,Qn.dblclick=$i,Qn.setSeries=(i,c,h,$)=>{let g=Ne.match[2];h=g(l,c,h),h!=-1&&jt(h,$,!0,!1)},tt&&(nt(Bi,S,hi),nt(zs,S,ai),nt(Yi,S,i=>{bn(i),ml(!1)}),nt(qi,S,Cc),nt(Ki,S,$i),go.add(l),l.syncRect=ml);const Il=l.hooks=e.hooks||{};function Ke(i,c,h){Ms?hl.push([i,c,h]):i in Il&&Il[i].forEach($=>{$.call(null,l,c,h)})}(e.plugins||[]).forEach(i=>{for(let c in i.hooks)Il[c]=(Il[c]||[]).concat(i.hooks[c])});const _i=(i,c,h)=>h,Ne=Oe({key:null,setSeries:!1,filters:{pub:ir,sub:ir},scales:[O,w[1]?w[1].scale:null],match:[rr,rr,_i],values:[null,null]},j.sync);Ne.match.length==2&&Ne.match.push(_i),j.sync=Ne;const gi=Ne.key,Fs=Oa(gi);function _l(i,c,h,$,g,v,k){Ne.filters.pub(i,c,h,$,g,v,k)&&Fs.pub(i,c,h,$,g,v,k)}Fs.sub(l);function Ec(i,c,h,$,g,v,k){Ne.filters.sub(i,c,h,$,g,v,k)&&Qn[i](null,c,h,$,g,v,k)}l.pub=Ec;function Mc(){Fs.unsub(l),go.delete(l),mn.clear(),ho(Xl,tl,mi),f.remove(),ce?.remove(),Ke("destroy")}l.destroy=Mc;function Hs(){Ke("init",e,t),qo(t||e.data,!1),z[O]?As(O,z[O]):gs(),Dl=ye.show&&(ye.width>0||ye.height>0),vn=bt=!0,_s(e.width,e.height)}return w.forEach(Bo),P.forEach(rc),n?n instanceof HTMLElement?(n.appendChild(f),Hs()):n(l,Hs):Hs(),l}et.assign=Oe;et.fmtNum=No;et.rangeNum=es;et.rangeLog=as;et.rangeAsinh=Do;et.orient=Ln;et.pxRatio=ae;et.join=Nf;et.fmtDate=Ro,et.tzDate=Gf;et.sync=Oa;{et.addGap=Cd,et.clipGaps=fs;let e=et.paths={points:Wa};e.linear=za,e.stepped=Ad,e.bars=Pd,e.spline=Ld}const Ya=180,Ks=matchMedia("(prefers-color-scheme: dark)"),Js=e=>getComputedStyle(document.documentElement).getPropertyValue(e).trim();function Ud(e,t,n){const l={stroke:Js("--muted"),grid:{stroke:Js("--line"),width:1},ticks:{show:!1}},s=t.map(({name:o,stroke:r,dash:a})=>({label:o,stroke:Js(r),width:2,dash:a,spanGaps:!1,points:{size:5},value:(u,f)=>n(f)}));return{width:e,height:Ya,cursor:{y:!1},scales:{y:{range:(o,r,a)=>[0,Math.max(a||0,1)*1.1]}},axes:[l,{...l,size:56}],series:[{value:(o,r)=>_t(r)},...s]}}function Mr({title:e,times:t,series:n,format:l}){const s=os(null),[o,r]=le(Ks.matches);Yt(()=>{const u=f=>r(f.matches);return Ks.addEventListener("change",u),()=>Ks.removeEventListener("change",u)},[]),Yt(()=>{const u=s.current,f=[t,...n.map(m=>m.values)],p=new et(Ud(u.clientWidth,n,l),f,u),_=new ResizeObserver(()=>p.setSize({width:u.clientWidth,height:Ya}));return _.observe(u),()=>{_.disconnect(),p.destroy()}},[t,n,o]);const a=[["from",u=>_t(t[u])],...n.map(({name:u,values:f})=>[u,p=>l(f[p]),"n"])];return d`<figure>
    <figcaption>${e}</figcaption>
    <div class="chart" ref=${s} aria-hidden="true"></div>
    <details>
      <summary>The numbers</summary>
      <${_e} caption=${e} hideCaption columns=${a} rows=${t.map((u,f)=>f)} />
    </details>
  </figure>`}const qa={24:"24 hours",168:"7 days"},Gd={passed:"good",refused:"bad",forced:"warn"};function Bd({ready:e}){const t=[...e.refused?[`The newest bundle is not served: ${e.refused}`]:[],...e.redis==="down"?["Redis does not answer: lists rest on what is in memory."]:[],...e.draining?["The service is about to end."]:[],...e.fallback?["The last good bundle is served instead of the current one."]:[],...e.trained===!1&&e.bundle?["Nothing has been trained yet."]:[],...e.warnings||[]];return t.length?d`<div class="notice warn" role="status">
    <strong>${e.ready?"Ready, with warnings":"Not ready"}</strong>
    <ul>${t.map(n=>d`<li>${n}</li>`)}</ul>
  </div>`:d`<p class="notice good" role="status">Ready, and nothing to warn of.</p>`}function Yd({bundle:e}){if(!e)return d`<${De}>No bundle is in service. Train one with <code>recfunnel train</code>.<//>`;const{ndcg:t}=e;return d`<dl class="tiles">
    <${Nt} name="Bundle" value=${d`<code>${e.version}</code>`} note=${e.dataset} />
    <${Nt} name="Age" value=${Kr(e.created)} note=${`made ${_t(e.created)}`} />
    <${Nt} name="Gate" value=${d`<${Le} kind=${Gd[e.gate]}>${e.gate||"did not run"}<//>`} />
    <${Nt}
      name="NDCG@10 in the test"
      value=${Pe(t?.mean)}
      note=${t&&`${Pe(t.low)} to ${Pe(t.high)}`}
    />
    <${Nt} name="Items that can be shown" value=${J(e.items)} />
    <${Nt} name="Users of the bundle" value=${J(e.users)} />
  </dl>`}function qd({activity:e,hours:t}){const{total:n,budget_ms:l}=e,s=e.hours.reduce((f,p)=>f+p.degraded,0),o=e.hours.reduce((f,p)=>f+p.rejected,0),r=e.hours.reduce((f,p)=>f+p.events,0),a=Math.max(60,Date.now()/1e3-e.hours[0].at),u=Co(()=>{const f=e.hours;return{times:f.map(p=>p.at),lists:[{name:"lists",stroke:"--accent",values:f.map(p=>p.lists)}],latency:[{name:"p99",stroke:"--accent",values:f.map(p=>p.p99_ms)},{name:"budget",stroke:"--bad",dash:[6,4],values:f.map(()=>l)}]}},[e]);return d`
    <dl class="tiles">
      <${Nt} name="Lists" value=${J(n.lists)} note=${qc(n.lists/a)} />
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
          <${Mr} title="Lists in each hour" times=${u.times} series=${u.lists} format=${J} />
          <${Mr} title="p99 against the budget" times=${u.times} series=${u.latency} format=${Qt} />
        </div>`:d`<${De}>No list was asked for in the last ${qa[t]}.<//>`}
    <h3>Scenes</h3>
    <${Kd} scenes=${n.scenes} />
    <h3>Degraded, by stage</h3>
    <${_e}
      caption="Lists that lack a stage's part"
      hideCaption
      empty="Every list was whole."
      rows=${n.degraded}
      columns=${[["stage",f=>f.labels[0]],["outcome",f=>f.labels[1]],["lists",f=>J(f.n),"n"],["share",f=>d`<${Ml} share=${f.n/n.lists} kind="warn" /> ${Bt(f.n/n.lists)}`]]}
    />
  `}function Kd({scenes:e}){const t=[...new Set(e.flatMap(l=>Object.keys(l.events)))].sort(),n=(l,s)=>d`${J(l.events[s]||0)} <span class="muted">${Bt((l.events[s]||0)/l.lists)}</span>`;return d`<${_e}
    caption="Lists by scene, and the events that name one by request_id: their number, and for each 100 lists"
    empty="No list was shown."
    rows=${e}
    columns=${[["scene",l=>l.scene||"–"],["lists",l=>J(l.lists),"n"],["items",l=>J(l.items),"n"],...t.map(l=>[l,s=>n(s,l),"n"])]}
  />`}function Jd({newest:e}){return d`<${_e}
    caption=${`Coverage of the newest ${J(e.lists)} lists${e.since?`, since ${_t(e.since)}`:""}`}
    empty="No list was shown yet."
    rows=${e.scenes}
    columns=${[["scene",t=>t.scene||"–"],["lists",t=>J(t.lists),"n"],["users",t=>J(t.users),"n"],["different items",t=>J(t.items),"n"],["of the catalogue",t=>d`<${Ml} share=${t.coverage} /> ${Bt(t.coverage)}`],["lists with an event",t=>Bt(t.lists?t.answered_lists/t.lists:null),"n"]]}
  />`}function Zd({overview:e,reload:t}){const[n,l]=le(24),s=He(()=>xe("/readyz",{},{accept:[503]}),[]),o=He(()=>xe("/activity",{hours:n}),[n]),r=He(()=>e.bundle?xe("/activity/scenes"):null,[e.bundle?.version]);return d`
    <div class="row">
      <button type="button" onClick=${()=>[t,s.reload,o.reload,r.reload].forEach(u=>u())}>Refresh</button>
    </div>
    <${Ie} of=${s}>${u=>d`<${Bd} ready=${u} />`}<//>
    <h2>In service</h2>
    <${Yd} bundle=${e.bundle} />
    <h2>Activity</h2>
    <div class="row" role="group" aria-label="Period">
      ${Object.entries(qa).map(([u,f])=>d`<button type="button" aria-pressed=${Number(u)===n} onClick=${()=>l(Number(u))}>
            ${f}
          </button>`)}
    </div>
    <${Ie} of=${o} what="activity">${u=>d`<${qd} activity=${u} hours=${n} />`}<//>
    <h2>Coverage</h2>
    ${e.bundle?d`<${Ie} of=${r} what="coverage">${u=>d`<${Jd} newest=${u} />`}<//>`:d`<${De}>No bundle, no lists.<//>`}
  `}const Qd=["order","sponsored"],Xd={blocked_categories:"categories",forbidden_flags:"flags",blocked_providers:"providers",provider_places:"providers",seen:"event_types",order:"policies"},dn=e=>e.replaceAll("_"," "),Ka=e=>{const t=Ae(e);return["","–","{}"].includes(t)?"none":t};function Ja({children:e}){return e.replaceAll("\\|","|").replace(/\[([^\]]*)\]\([^)]*\)/g,"$1").split("`").map((n,l)=>l%2?d`<code>${n}</code>`:n)}function Za({id:e,names:t}){return d`<datalist id=${e}>${t.map(n=>d`<option value=${n} />`)}</datalist>`}function eh({id:e,name:t,value:n,schema:l,names:s,onChange:o}){const r=is(),[a,u]=le(""),f=l.items.type==="integer",p=()=>{const m=f?Number(a):a.trim();a.trim()&&!n.includes(m)&&o([...n,m]),u("")},_=m=>o(n.map((y,S)=>S===m-1?n[m]:S===m?n[m-1]:y));return d`
    ${n.length>0&&d`<ul class="chips">
      ${n.map((m,y)=>d`<li>
          ${m}
          ${Qd.includes(t)&&y>0&&d`<button type="button" aria-label=${`Move ${m} up`} onClick=${()=>_(y)}>↑</button>`}
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
    <${Za} id=${r} names=${s} />
  `}function Qa({id:e,name:t,value:n,schema:l,names:s,onChange:o}){const r=is(),[a,u]=le(["",""]),f=l.additionalProperties.type==="integer",p=b=>f?Number(b):b.trim(),_=()=>{const[b,T]=a;b.trim()&&T!==""&&o({...n,[b.trim()]:p(T)}),u(["",""])},m=b=>Object.fromEntries(Object.entries(n).filter(([T])=>T!==b)),y=b=>{b.key==="Enter"&&(b.preventDefault(),_())},S={type:f?"number":"text",min:l.additionalProperties.minimum,maxlength:64};return d`
    ${Object.entries(n).map(([b,T])=>d`<span class="row entry">
        <code>${b}</code>
        <input ...${S} aria-label=${`${dn(t)} of ${b}`} value=${T} onChange=${A=>o({...n,[b]:p(A.currentTarget.value)})} />
        <button type="button" aria-label=${`Remove ${b}`} onClick=${()=>o(m(b))}>×</button>
      </span>`)}
    <span class="row entry">
      <input id=${e} list=${s.length?r:void 0} maxlength="256" placeholder="name" value=${a[0]} onKeyDown=${y} onInput=${b=>u([b.currentTarget.value,a[1]])} />
      <input ...${S} aria-label=${`New value in ${dn(t)}`} value=${a[1]} onKeyDown=${y} onInput=${b=>u([a[0],b.currentTarget.value])} />
      <button type="button" aria-label=${`Add to ${dn(t)}`} onClick=${_}>Add</button>
    </span>
    <${Za} id=${r} names=${s} />
  `}function th(e){const{id:t,value:n,schema:l,onChange:s}=e,o=typeof n=="string",r=d`<button type="button" onClick=${()=>s(o?{default:n}:n.default||"hide")}>
    ${o?"One rule for each type of event":"One rule for all events"}
  </button>`;return o?d`<span class="row"><input id=${t} value=${n} maxlength="32" onChange=${a=>s(a.currentTarget.value)} /> ${r}</span>`:d`<${Qa} ...${e} schema=${l.anyOf[1]} names=${[...e.names,"default"]} /> ${r}`}function nh({id:e,value:t,onChange:n}){const[l,s]=le("");return d`<textarea id=${e} rows="3" onChange=${r=>{try{n(JSON.parse(r.currentTarget.value||"{}")),s("")}catch(a){s(`This is not JSON: ${a.message}`)}}}>${JSON.stringify(t,null,1)}</textarea>
    ${l&&d`<p class="notice bad" role="alert">${l}</p>`}`}function lh(e){const{id:t,name:n,schema:l,value:s,onChange:o}=e;if(l.enum)return d`<select id=${t} onChange=${a=>o(a.currentTarget.value)}>
      ${l.enum.map(a=>d`<option value=${a} selected=${a===s}>${a}</option>`)}
    </select>`;if(l.anyOf)return d`<${th} ...${e} />`;if(l.type==="array")return d`<${eh} ...${e} />`;if(l.type==="object"&&l.additionalProperties.type==="object")return d`<${nh} ...${e} />`;if(l.type==="object")return d`<${Qa} ...${e} />`;const r=l.type==="integer";return d`<input
    id=${t}
    type="number"
    required
    name=${n}
    min=${l.minimum??l.exclusiveMinimum}
    max=${l.maximum}
    step=${r?1:"any"}
    value=${s}
    onInput=${a=>a.currentTarget.value!==""&&o(Number(a.currentTarget.value))}
  />`}function sh({name:e,schema:t,names:n,own:l,inherited:s,from:o,fault:r,onChange:a}){const u=l!==void 0;return d`<div class=${`setting${u?" own":""}`}>
    <${$e} label=${dn(e)}>
      ${f=>d`<${lh} id=${f} name=${e} schema=${t} names=${n[Xd[e]]||[]} value=${u?l:s} onChange=${p=>a(e,p)} />`}
    <//>
    <p class="small muted"><${Ja}>${t.description}<//></p>
    ${u?d`<p class="row small">
          <${Le} kind="info">rule<//>
          <span>${o}: ${Ka(s)}</span>
          <button type="button" aria-label=${`Reset ${dn(e)}`} onClick=${()=>a(e,void 0)}>Reset</button>
        </p>`:d`<p class="small muted">as in ${o}</p>`}
    ${r&&d`<p class="notice bad" role="alert">${r}</p>`}
  </div>`}function oh({name:e,summary:t,changed:n,isFaulty:l,children:s}){const[o,r]=le(n>0);return d`<details class="card group" open=${o||l} onToggle=${a=>r(a.currentTarget.open)}>
    <summary>
      <strong>${dn(e)}</strong>${" "}
      ${n>0&&d`<${Le} kind="info">${n} ${n===1?"rule":"rules"}<//>`}
      <span class="small muted"> <${Ja}>${t}<//></span>
    </summary>
    <div class="settings">${s}</div>
  </details>`}function ih({schema:e,overrides:t,inherit:n,fault:l,onChange:s}){return e.groups.map(({name:o,summary:r,settings:a})=>d`<${oh}
      key=${o}
      name=${o}
      summary=${r}
      changed=${a.filter(u=>u in t).length}
      isFaulty=${a.includes(l?.name)}
    >
      ${a.map(u=>{const[f,p]=n(u);return d`<${sh}
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
    <//>`)}const $s="all scenes";function rh(e){return[[$s,e?.policy||{}],...Object.entries(e?.scenes||{})].flatMap(([n,l])=>Object.entries(l).map(([s,o])=>[n,s,o]))}function Xa(e,t){const n=o=>new Map(rh(o).map(([r,a,u])=>[JSON.stringify([r,a]),u])),[l,s]=[n(e),n(t)];return[...new Set([...l.keys(),...s.keys()])].filter(o=>JSON.stringify(l.get(o))!==JSON.stringify(s.get(o))).sort().map(o=>[...JSON.parse(o),l.get(o),s.get(o)])}const Ar=e=>e===void 0?"no rule":Ka(e),zo=({caption:e,one:t,other:n,before:l="before",after:s="after"})=>d`<${_e}
  caption=${e}
  empty="The rules are the same."
  rows=${Xa(t,n)}
  columns=${[["scene",([o])=>o],["setting",([,o])=>dn(o)],[l,([,,o])=>Ar(o),"sentence"],[s,([,,,o])=>Ar(o),"sentence"]]}
/>`;function Pr({number:e,title:t,name:n,newest:l,asksAuthor:s,onDone:o}){const r=os(null),[a,u]=le(null);return d`
    <button type="button" onClick=${()=>r.current.showModal()} aria-label=${n}>${t}</button>
    <dialog ref=${r} aria-label=${n}>
      <form onSubmit=${async p=>{const{note:_,author:m=""}=nn(p);r.current.close(),u(null);try{const y={version:l,note:_,author:m};await o(await $n("POST",tn("rules","versions",e,"restore"),{body:y}))}catch(y){u(y)}}}>
        <p>${e?`Save the rules of version ${e} again, as a new version?`:"Remove all rules? The settings alone hold then."}</p>
        <${$e} label="Note" name="note" maxlength="500" value=${e?`version ${e} again`:"without rules"} />
        ${s&&d`<${$e} label="Your name" name="author" maxlength="64" />`}
        <p class="row">
          <button class="main">Restore</button>
          <button type="button" onClick=${()=>r.current.close()}>Leave it</button>
        </p>
      </form>
    </dialog>
    ${a&&d`<${qt} error=${a} />`}
  `}function ah({rules:e,mayChange:t,asksAuthor:n,onRestored:l}){const s=He(()=>xe("/rules/history",{limit:30}),[e.newest]),[o,r]=le(null),a={newest:e.newest,asksAuthor:n,onDone:l};return d`<section aria-label="History">
    <h2>History</h2>
    <${Ie} of=${s} what="history">
      ${({versions:u})=>{if(!u.length)return d`<${De}>No rules were ever saved: the settings alone hold.<//>`;const f=u.findIndex(_=>_.version===o),p=u[1]?.version||0;return d`
          ${t&&d`<p><${Pr} number=${p} title=${`Undo version ${u[0].version}`} name=${`Undo version ${u[0].version}`} ...${a} /></p>`}
          <${_e}
            caption="Versions, newest first"
            hideCaption
            rows=${u}
            columns=${[["version",_=>`${_.version}${_.version===e.version?" (in force)":""}`],["saved",_=>_t(_.at),"when"],["by",_=>Ae(_.author)],["note",_=>`${Ae(_.note)}${_.restored===null?"":` (restored ${_.restored})`}`,"sentence"],["",_=>d`<span class="row">
                  <button type="button" aria-pressed=${_.version===o} aria-label=${`What version ${_.version} changed`} onClick=${()=>r(_.version===o?null:_.version)}>
                    What changed
                  </button>
                  ${t&&_.version!==e.newest&&d`<${Pr} number=${_.version} title="Restore" name=${`Restore version ${_.version}`} ...${a} />`}
                </span>`]]}
          />
          ${f>=0&&d`<${zo} caption=${`What version ${o} changed`} one=${u[f+1]?.rules} other=${u[f].rules} />`}
        `}}
    <//>
  </section>`}const ch=3;function uh({item:e,position:t,isAfter:n}){if(e.other===null)return d`<${Le} kind=${n?"good":"bad"}>${n?"enters":"leaves"}<//>`;if(!n||e.other===t)return null;const l=e.other-t;return d`<${Le}>${l>0?`↑ ${l}`:`↓ ${-l}`}<//>`}function Dr({title:e,items:t,isAfter:n}){return d`<section aria-label=${e}>
    <h4>${e}</h4>
    ${t.length?d`<ol class="plain">
          ${t.map((l,s)=>d`<li>
              <a href=${Rt("items",{id:l.item_id})}>${l.title||l.item_id}</a>
              ${l.slot!=="organic"&&d` <${Le} kind="info">${l.slot}<//>`}${" "}
              <${uh} item=${l} position=${s+1} isAfter=${n} />
              ${l.reason&&d`<p class="small muted">${n?"not before":"not after"}: ${l.reason}</p>`}
            </li>`)}
        </ol>`:d`<${De}>No item may be shown.<//>`}
  </section>`}function fh({user:e,isOpen:t}){const n=e.user_id||"a new user";return d`<details class="card group" open=${t}>
    <summary><strong>${n}</strong> <${Le} kind=${e.is_changed?"warn":""}>${e.is_changed?"another list":"the same list"}<//></summary>
    ${e.degraded.length>0&&d`<p class="notice warn">These stages failed, so the lists may differ for that reason too: ${e.degraded.join(", ")}</p>`}
    <div class="columns">
      <${Dr} title=${`${n}, before`} items=${e.before} />
      <${Dr} title=${`${n}, after`} items=${e.after} isAfter />
    </div>
  </details>`}function dh({result:e}){const t=e.users.filter(l=>l.is_changed),n=e.users.filter(l=>!l.is_changed);return d`
    ${e.notes.map(l=>d`<p class="notice warn">${l}</p>`)}
    <p role="status">
      ${t.length?`${J(t.length)} of ${J(e.users.length)} users get another list: ${J(e.entered)} items enter, ${J(e.left)} leave.`:`Nothing changes for these ${J(e.users.length)} users.`}
    </p>
    ${[...t,...n].map((l,s)=>d`<${fh} key=${l.user_id} user=${l} isOpen=${s<ch&&l.is_changed} />`)}
  `}function hh({rules:e,scene:t,onFault:n}){const[l,s]=le({busy:!1,error:null,result:null,of:""}),[o,r]=le("10"),a=JSON.stringify([e,t]);return d`<section aria-label="Preview">
    <h2>Preview in the scene ${t}</h2>
    <form class="controls" onSubmit=${async f=>{const{users:p}=nn(f);s({busy:!0,error:null,result:null,of:a});const _=p.split(",").map(m=>m.trim()).filter(Boolean);try{const m=await $n("POST","/rules/preview",{body:{rules:e,scene:t,k:Number(o),users:_}});s({busy:!1,error:null,result:m,of:a})}catch(m){n(m),s({busy:!1,error:m,result:null,of:a})}}}>
      <${$e} label="Items" name="k" type="number" min="1" max="20" value=${o} onInput=${f=>r(f.currentTarget.value)} required />
      <${$e} label="Users" name="users" placeholder="20 of the data" maxlength="2000" hint="with commas, at most 20" />
      <button class="main" disabled=${l.busy}>${l.busy?"Computing…":"Show lists before and after"}</button>
    </form>
    ${l.busy&&d`<p class="muted" role="status">Computing lists…</p>`}
    ${l.error&&d`<${qt} error=${l.error} />`}
    ${l.result&&l.of!==a&&d`<p class="notice warn">The rules or the scene have changed since: this is the preview of before.</p>`}
    ${l.result&&d`<${dh} result=${l.result} />`}
  </section>`}const Lr="admin",Zs="home",Nr={draft:null},ph=(e,t)=>Xa(e,t).length===0&&vo(e).join()===vo(t).join(),vo=e=>Object.keys(e.scenes||{}).sort();function $h(e,t,n,l){const s={...t?e.scenes?.[t]:e.policy};return l===void 0?delete s[n]:s[n]=l,t?{...e,scenes:{...e.scenes,[t]:s}}:{...e,policy:s}}function mh(e,t){return t?{...e,scenes:Object.fromEntries(Object.entries(e.scenes||{}).filter(([n])=>n!==t))}:{...e,policy:{}}}const _h=(e,t,n)=>l=>{const s=n&&e.settings.scenes?.[n];return s&&l in s?[s[l],"the settings of the scene"]:n&&t.policy&&l in t.policy?[t.policy[l],`the rules of ${$s}`]:[e.settings.policy[l],"the settings"]};function gh(e,t){const n=t?`rules.scenes.${t}.`:"rules.policy.";return e?.field?.startsWith(n)?{name:e.field.slice(n.length).split(".")[0],message:e.message}:null}function yh({names:e,chosen:t,rules:n,isNew:l,mayChange:s,onAdd:o}){const r=a=>{const u=nn(a).scene.trim();u&&o(u)};return d`<div>
    <h2>Scenes</h2>
    <ul class="scenes">
      ${["",...e].map(a=>{const u=Object.keys((a?n.scenes?.[a]:n.policy)||{}).length;return d`<li>
          <a href=${Rt("rules",{scene:a})} aria-current=${a===t?"true":void 0}>${a||$s}</a>
          ${u>0&&d` <${Le} kind="info">${u} ${u===1?"rule":"rules"}<//>`}
          ${l(a)&&d` <${Le}>new<//>`}
        </li>`})}
    </ul>
    ${s&&d`<form class="controls" onSubmit=${r}>
      <${$e} label="Another scene" name="scene" maxlength="64" required />
      <button>Add the scene</button>
    </form>`}
  </div>`}function vh({error:e,draft:t,onTheirs:n,onMine:l}){const s=He(()=>xe("/rules"),[]);return d`<div class="notice bad" role="alert">
    <strong>Somebody else has saved rules meanwhile</strong>
    <p>${e.message}</p>
    <${Ie} of=${s} what="rules">
      ${o=>d`
        <${zo} caption="What differs" one=${o.rules} other=${t} before="theirs" after="yours" />
        <p class="row">
          <button type="button" onClick=${()=>n(o)}>Take theirs, drop mine</button>
          <button type="button" onClick=${()=>l(o)}>Keep mine, to save over theirs</button>
        </p>
      `}
    <//>
  </div>`}function bh({data:e,draft:t,asksAuthor:n,onSaved:l,onDiscard:s,onFault:o,onData:r}){const[a,u]=le({busy:!1,error:null}),f=async m=>{const{note:y,author:S=""}=nn(m);u({busy:!0,error:null}),o(null);try{const b=await $n("PUT","/rules",{body:{version:e.newest,rules:t,note:y,author:S}});u({busy:!1,error:null}),l(b)}catch(b){o(b),u({busy:!1,error:b})}},p=(m,y)=>{u({busy:!1,error:null}),r(m,y)},_=a.error?.status===409;return d`<section aria-label="Save" class="card">
    <h2>Changes that are not saved</h2>
    <${zo} caption="Changes" one=${e.rules} other=${t} before="saved" after="changed" />
    ${_?d`<${vh} error=${a.error} draft=${t} onTheirs=${m=>p(m,m.rules)} onMine=${m=>p(m,t)} />`:d`<form class="controls" onSubmit=${f}>
          <${$e} label="Note" name="note" maxlength="500" placeholder="what it is for" />
          ${n&&d`<${$e} label="Your name" name="author" maxlength="64" />`}
          <button class="main" disabled=${a.busy}>Save as version ${e.newest+1}</button>
          <button type="button" onClick=${s}>Discard the changes</button>
        </form>`}
    ${a.error&&!_&&d`<${qt} error=${a.error} />`}
  </section>`}function wh({data:e}){return d`
    ${e.refused&&d`<p class="notice bad">${e.refused}</p>`}
    ${!e.is_known&&d`<p class="notice warn">The rules are not known, because Redis has not answered since the start. The settings alone are in force.</p>`}
    <p class="muted">
      ${e.version?d`Version ${e.version} is in force, saved by ${e.author||"nobody named"} at ${_t(e.at)}${e.note&&`: ${e.note}`}.`:"No rules were ever saved: the settings alone are in force."}
    </p>
  `}function kh({loaded:e,schema:t,scene:n,overview:l,reload:s}){const o=l.roles.includes(Lr),r=!l.key,[a,u]=le(e),[f,p]=le(()=>Nr.draft||e.rules),[_,m]=le(null),[y,S]=le(null),b=!ph(a.rules,f);Yt(()=>{if(Nr.draft=b?f:null,!b)return;const F=I=>I.preventDefault();return addEventListener("beforeunload",F),()=>removeEventListener("beforeunload",F)},[b,f]);const T=Object.keys(a.settings.scenes||{}),A=[...new Set([Zs,...T,...vo(f),...n?[n]:[]])].sort(),w=(n?f.scenes?.[n]:f.policy)||{},P=(F,I)=>{m(null),S(null),p($h(f,n,F,I))},x=(F,I)=>{u(F),p(I),m(null)},Y=({notes:F,...I},Z)=>{S({...I,notes:F}),x({...a,...I,newest:I.version,refused:null,rules:Z},Z),s()},O=async F=>Y(F,(await xe("/rules")).rules);return d`
    <${wh} data=${a} />
    ${!o&&d`<${De}>Changes need a key with the role ${Lr}.<//>`}
    ${y&&d`<div class="notice good" role="status">
      <p>Version ${y.version} is saved. Every worker has it: it holds for the next list.</p>
      ${y.notes.map(F=>d`<p>${F}</p>`)}
    </div>`}
    <div class="rules">
      <${yh}
        names=${A}
        chosen=${n}
        rules=${f}
        isNew=${F=>F&&F!==Zs&&!T.includes(F)}
        mayChange=${o}
        onAdd=${F=>{A.includes(F)||p({...f,scenes:{...f.scenes,[F]:{}}}),Eo("rules",{scene:F})}}
      />
      <div>
        <h2>${n?`Rules of the scene ${n}`:`Rules of ${$s}`}</h2>
        ${o&&(Object.keys(w).length>0||n&&f.scenes?.[n])&&d`<p><button type="button" onClick=${()=>p(mh(f,n))}>${n?"Remove the rules of this scene":"Reset all of these"}</button></p>`}
        <fieldset disabled=${!o} aria-label="Settings">
          <${ih} key=${n} schema=${t} overrides=${w} inherit=${_h(a,f,n)} fault=${gh(_,n)} onChange=${P} />
        </fieldset>
      </div>
    </div>
    ${o&&b&&d`<${bh} data=${a} draft=${f} asksAuthor=${r} onSaved=${F=>Y(F,f)} onDiscard=${()=>x(a,a.rules)} onFault=${m} onData=${x} />`}
    ${o&&d`<${hh} rules=${f} scene=${n||Zs} onFault=${m} />`}
    <${ah} rules=${a} mayChange=${o} asksAuthor=${r} onRestored=${O} />
  `}function Sh({overview:e,options:t,reload:n}){const l=He(()=>Promise.all([xe("/rules"),xe("/rules/schema")]),[]);return d`<${Ie} of=${l} what="rules">
    ${([s,o])=>d`<${kh} loaded=${s} schema=${o} scene=${t.scene||""} overview=${e} reload=${n} />`}
  <//>`}const Qs={overview:["Overview",Zd],try:["Try a user",Ou],funnel:["Funnel",ju],items:["Items",Yu],rules:["Rules",Sh],bundles:["Bundles",iu],data:["Data",Tu]};function Th({error:e,onKey:t}){return d`<form
    class="card narrow"
    onSubmit=${n=>{Yr(nn(n).key.trim()),t()}}
  >
    <h2>This service needs an API key</h2>
    ${oo()&&d`<p class="notice bad" role="alert">${e.message}</p>`}
    <p>It stays in this tab until you close it, and is sent to this service only.</p>
    <${$e} label="API key" name="key" type="password" required autocomplete="off" maxlength="256" />
    <button class="main">Open the console</button>
  </form>`}function xh({overview:e,onKey:t}){if(!e)return null;if(!e.key)return d`<p class="key muted">no keys: this machine only</p>`;const n=()=>{Yr(""),t()};return d`<p class="key">
    <span title=${e.roles.join(", ")}>${e.key} (${e.roles.join(", ")})</span>
    <button type="button" onClick=${n}>Forget the key</button>
  </p>`}function Ch(){const{page:e,options:t}=ru(),n=He(()=>xe("/overview"),[]),l=os(null),[s,o]=le(!0),[r,a]=Qs[e]||Qs.overview;return Yt(()=>{document.title=`${r} · recfunnel`,s?o(!1):l.current?.focus()},[r]),d`
    <a class="skip" href="#content" onClick=${u=>{u.preventDefault(),l.current?.focus()}}>Skip to the page</a>
    <header>
      <p class="name">recfunnel</p>
      <nav aria-label="Pages">
        ${Object.entries(Qs).map(([u,[f]])=>d`<a href=${`#/${u}`} aria-current=${f===r?"page":void 0}>${f}</a>`)}
      </nav>
      <${xh} overview=${n.data} onKey=${n.reload} />
    </header>
    <main id="content">
      <h1 tabindex="-1" ref=${l}>${r}</h1>
      ${[401,403].includes(n.error?.status)?d`<${Th} error=${n.error} onKey=${n.reload} />`:n.error?d`<${qt} error=${n.error} retry=${n.reload} />`:d`<${Ie} of=${n}>
              ${u=>d`<${a} key=${e} options=${t} overview=${u} reload=${n.reload} />`}
            <//>`}
    </main>
    <footer>
      ${n.data&&d`<span>recfunnel ${n.data.release}</span>`}
      ${n.data&&!n.data.key&&d`<a href="../docs">HTTP interface</a>`}
    </footer>
  `}Hc(d`<${Ch} />`,document.getElementById("app"));
